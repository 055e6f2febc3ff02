# A small image: the program, the C library, CA certificates, and nothing else; no shell.
#
#   docker build -t kes .
#   docker run -v /srv/kes:/etc/kes:ro -v kes-keys:/data -p 7373:7373 kes server --config /etc/kes/config.yaml

FROM rust:1.95-bookworm AS build
WORKDIR /kes
# With `.git`, so that the program knows its release. It belongs to whoever runs the build, which git would not trust.
COPY . .
RUN git config --global --add safe.directory /kes \
 && cargo build --profile dist --locked --bin kes \
 && install -d /image/data \
 && install -m 0755 target/dist/kes /image/kes

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build --chown=65532:65532 /image/data /data
COPY --from=build /image/kes /kes
# By number: Kubernetes cannot tell from a name that it is not root.
USER 65532:65532
# For a key store in files, `path: /data/keys`. Nothing else is written.
VOLUME /data
EXPOSE 7373
# Asks the `health.address` on 127.0.0.1:7374. With another one: `--health-cmd "/kes healthcheck http://127.0.0.1:PORT"`.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/kes", "healthcheck"]
ENTRYPOINT ["/kes"]
CMD ["--help"]
