//! SIGHUP: a configuration that is read again while the server runs (`cli.md` §4.5), and files that are watched.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::process::Signal;

use crate::client::Client;
use crate::program::PATIENCE;
use crate::site::{ADMIN_KEY, Pair, Site};

/// An API key whose identity is [`USER`].
const USER_KEY: &str = "kes:v1:AGaV6VXHasF0FnaB60WdCOeTZ8eTIDikL4zlN16c8NAs";
const USER: &str = "ea9826089311fe44d7590408ede9150f7c637b6cab0a91ee6fe1aa5d9fb366f6";

const NOT_LOADED: &str = "Failed to reload server config: ";
const NOT_CHANGED: &str = "Failed to update server configuration: ";

fn allowing(site: &Site, allow: &str, identities: &str) -> String {
    format!("{}policy: {{app: {{allow: [\"{allow}\"], identities: [{identities}]}}}}\n", site.least())
}

/// Makes a directory for keys.
fn store(site: &Site, name: &str) {
    fs::create_dir(site.path(name)).expect("a directory");
    fs::set_permissions(site.path(name), fs::Permissions::from_mode(0o700)).expect("a mode");
}

#[test]
fn policies_count_on_open_connections_with_the_next_request() {
    let site = Site::new();
    site.configure(&allowing(&site, "/v1/key/create/a*", USER));
    let server = site.start(&[]);
    let user = Client::new(server.address(), &site.certificate(), USER_KEY);
    let mut connection = user.begin("GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a connection");
    assert_eq!(connection.read_one().expect("an answer").0, 200);
    assert_eq!(connection.again("PUT", "/v1/key/create/a").expect("an answer").0, 200);

    site.configure(&allowing(&site, "/v1/key/create/b*", USER));
    server.reload();
    server.stderr.wait_for("SIGHUP signal received. Reloading configuration...\n");
    assert_eq!(connection.again("PUT", "/v1/key/create/a2").expect("an answer").0, 403);
    assert_eq!(connection.again("PUT", "/v1/key/create/b").expect("an answer").0, 200);

    site.configure(&allowing(&site, "/v1/key/create/b*", ""));
    server.reload();
    assert_eq!(connection.again("PUT", "/v1/key/create/b2").expect("an answer").0, 403);
    let banner = server.stdout.text();
    assert_eq!(banner.matches("\nKMS         Filesystem: ").count(), 3, "the whole banner each time: {banner}");
}

/// Whom a request of a proxy is for, `tests/server/proxies` looks at.
#[test]
fn a_client_becomes_a_tls_proxy_and_is_none_again() {
    let site = Site::new();
    let server = site.start(&[]);
    let user = Client::new(server.address(), &site.certificate(), USER_KEY);
    assert_eq!(user.call("GET", "/version").expect("an answer").0, 200);

    let more = format!(", proxy: {{identities: [{USER}], header: {{cert: X-Cert}}}}}}\nkeystore");
    site.configure(&site.least().replace("}\nkeystore", &more));
    server.reload();
    assert_eq!(user.call("GET", "/version").expect("an answer").0, 400, "it does not say for whom it asks");
    assert_eq!(site.admin(&server).call("GET", "/version").expect("an answer").0, 200);

    site.configure(&site.least().replace("}\nkeystore", &more.replace("X-Cert", &"X".repeat(100_000))));
    server.reload_in_vain(NOT_LOADED);
    server.stderr.wait_for("`tls.proxy.header.cert` is not the name of a header");

    site.configure(&site.least());
    server.reload();
    assert_eq!(user.call("GET", "/version").expect("an answer").0, 200);
}

#[test]
fn a_new_certificate_is_for_new_connections() {
    let site = Site::new();
    let server = site.start(&[]);
    let old = site.admin(&server);
    let mut connection = old.begin("GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a connection");
    assert_eq!(connection.read_one().expect("an answer").0, 200);
    let pair = Pair::new();
    site.write("cert.pem", &pair.cert);
    site.write("key.pem", &pair.key);
    server.reload();
    assert_eq!(connection.again("GET", "/v1/ready").expect("an answer").0, 200);
    old.call("GET", "/v1/ready").expect_err("the old certificate is gone");
    let new = Client::new(server.address(), &pair.certificate, ADMIN_KEY);
    assert_eq!(new.call("GET", "/v1/ready").expect("an answer").0, 200);
}

/// Resumption skips the verifier: a session from before must not outlive the change.
#[test]
fn verification_that_is_turned_on_counts_for_resumed_sessions() {
    let site = Site::new();
    let server = site.start(&[]);
    let admin = site.admin(&server);
    let request = "GET /v1/ready HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for resumed in [false, true] {
        let mut exchange = admin.begin(request).expect("a connection");
        assert_eq!(exchange.read_one().expect("an answer").0, 200);
        assert_eq!(exchange.was_resumed(), resumed);
    }
    site.configure(&site.least().replace("tls: {", "tls: {auth: on, "));
    server.reload();
    admin.call("GET", "/v1/ready").expect_err("nobody vouches for this client");
}

#[test]
fn a_reload_that_fails_changes_nothing_and_says_why() {
    let site = Site::new();
    site.configure(&allowing(&site, "/v1/key/create/a*", USER));
    let server = site.start(&[]);
    let user = Client::new(server.address(), &site.certificate(), USER_KEY);
    site.write("keys/broken", "");
    let other = allowing(&site, "/v1/key/create/b*", USER);
    let path = |name: &str| site.path(name).display().to_string();
    for (text, beginning, reason) in [
        ("version: v1\nnonsense: [".to_owned(), NOT_LOADED, "kes.yaml"),
        (other.replace(&path("cert.pem"), &path("missing.pem")), NOT_LOADED, "missing.pem"),
        (other.replace(&path("keys"), &path("missing")), NOT_LOADED, "missing"),
        (format!("{other}keys: [{{name: broken}}]\n"), NOT_CHANGED, "cannot create the predefined key `broken`: "),
        (format!("{other}log: {{file: {{audit: {{path: {}}}}}}}\n", path("no/audit.log")), NOT_CHANGED, "no/audit.log"),
    ] {
        site.configure(&text);
        server.reload_in_vain(beginning);
        let said = server.stderr.text();
        let (_, last) = said.rsplit_once(beginning).expect("a failure");
        assert!(last.contains(reason), "{reason}: {last}");
        assert_eq!(user.call("PUT", "/v1/key/create/b").expect("an answer").0, 403, "{reason}");
    }
    assert!(!site.path("missing").exists(), "a reload makes no directory");
    assert_eq!(user.call("PUT", "/v1/key/create/a").expect("an answer").0, 200);
    assert_eq!(server.stdout.times("=> "), 1, "no reload was completed");
    site.configure(&other);
    server.reload();
    assert_eq!(user.call("PUT", "/v1/key/create/b").expect("an answer").0, 200);
}

#[test]
fn a_store_can_be_another_directory() {
    let site = Site::new();
    let server = site.start(&[]);
    let admin = site.admin(&server);
    assert_eq!(admin.call("PUT", "/v1/key/create/a").expect("an answer").0, 200);
    assert_eq!(admin.call("PUT", "/v1/key/generate/a").expect("an answer").0, 200);
    store(&site, "others");
    let moved =
        site.least().replace(&site.path("keys").display().to_string(), &site.path("others").display().to_string());
    site.configure(&format!("{moved}keys: [{{name: wanted}}]\n"));
    server.reload();
    assert_eq!(admin.call("PUT", "/v1/key/generate/a").expect("an answer").0, 404, "also if it was in memory");
    assert!(site.path("others/wanted").exists(), "predefined keys are made");
    server.stdout.wait_for(&format!("Filesystem: {}\n", site.path("others").display()));
}

#[test]
fn what_needs_a_restart_is_named() {
    let site = Site::new();
    let server = site.start(&[]);
    let before = server.address();
    let other = site.least().replace("127.0.0.1:0", "127.0.0.1:1");
    site.configure(&format!("{other}shutdown: {{grace: 1s}}\nlimits: {{streams: 7, requests: 9}}\n"));
    server.reload();
    for setting in ["address", "shutdown.grace", "limits.streams"] {
        server.stderr.wait_for(&format!("`{setting}` has changed, which needs a restart"));
    }
    assert_eq!(server.stderr.times("which needs a restart"), 3, "{}", server.stderr.text());
    assert_eq!(site.admin(&server).call("GET", "/v1/ready").expect("an answer").0, 200);
    assert_eq!(server.stdout.times(&format!("https://{before}\n")), 2, "the banner says where it really listens");
}

#[test]
fn log_levels_change() {
    let site = Site::new();
    site.configure(&format!("{}log: {{error: off}}\n", site.least()));
    let server = site.start(&[]);
    site.configure(&format!("{}log: {{error: debug}}\nshutdown: {{grace: 1s}}\n", site.least()));
    server.reload();
    server.stderr.wait_for("`shutdown.grace` has changed");
    assert_eq!(server.stdout.times("level=DEBUG"), 1, "{}", server.stdout.text());
}

/// What Kubernetes does: the files are links to `..data/…`, and `..data` is a link that is replaced.
#[test]
fn a_certificate_behind_links_that_are_swapped_is_picked_up() {
    let site = Site::new();
    let publish = |version: &str, pair: &Pair| {
        fs::create_dir(site.path(version)).expect("a directory");
        site.write(&format!("{version}/cert.pem"), &pair.cert);
        site.write(&format!("{version}/key.pem"), &pair.key);
        symlink(version, site.path("..data_tmp")).expect("a link");
        fs::rename(site.path("..data_tmp"), site.path("..data")).expect("swapped");
    };
    let (first, second) = (Pair::new(), Pair::new());
    publish("..1", &first);
    for name in ["cert.pem", "key.pem"] {
        fs::remove_file(site.path(name)).expect("removed");
        symlink(format!("..data/{name}"), site.path(name)).expect("a link");
    }
    site.configure(&site.least().replace("tls: {", "tls: {watch: 20ms, "));
    let server = site.start(&[]);
    let old = Client::new(server.address(), &first.certificate, ADMIN_KEY);
    assert_eq!(old.call("GET", "/v1/ready").expect("an answer").0, 200);
    publish("..2", &second);
    server.stderr.wait_for("the TLS files changed: new connections use them");
    old.call("GET", "/v1/ready").expect_err("the old certificate is gone");
    let new = Client::new(server.address(), &second.certificate, ADMIN_KEY);
    assert_eq!(new.call("GET", "/v1/ready").expect("an answer").0, 200);

    site.write("..2/key.pem", "no key");
    server.stderr.wait_for("the TLS files changed and cannot be used; those in use stay: ");
    assert_eq!(new.call("GET", "/v1/ready").expect("an answer").0, 200);
    site.write("..2/key.pem", &second.key);
    assert_eq!(new.call("GET", "/v1/ready").expect("an answer").0, 200);
    assert_eq!(server.stderr.times("cannot be used"), 1, "once per cause");
}

/// The watcher knows the certificate's paths and not the configuration (D-25).
#[test]
fn a_configuration_that_changed_is_not_read_by_the_watcher() {
    let site = Site::new();
    site.configure(&site.least().replace("tls: {", "tls: {watch: 20ms, "));
    let server = site.start(&[]);
    site.configure(&site.least().replace("tls: {", "tls: {watch: 20ms, auth: on, "));
    let pair = Pair::new();
    site.write("key.pem", &pair.key);
    site.write("cert.pem", &pair.cert);
    server.stderr.wait_for("the TLS files changed: new connections use them");
    let admin = Client::new(server.address(), &pair.certificate, ADMIN_KEY);
    assert_eq!(admin.call("GET", "/v1/ready").expect("an answer").0, 200, "still nobody is verified");
}

#[test]
fn the_end_of_a_certificate_is_announced() {
    let site = Site::new();
    // It is good for 90 days.
    site.configure(&site.least().replace("tls: {", "tls: {expiry_warnings: [4000h, 3000h, 24h], "));
    let server = site.start(&[]);
    server.stderr.wait_for(" days, on ");
    server.reload();
    server.reload();
    assert_eq!(server.stderr.times("expires in"), 1, "{}", server.stderr.text());
}

/// Descriptors, tasks and memory of a process do not grow with reloads, and its clients see none of them.
#[test]
fn reloads_leave_nothing_behind() {
    const WARM_UP: usize = 10;
    /// Each takes some 20 ms in a build for tests; tests/server/reload/storm.rs has a thousand.
    const RELOADS: usize = 200;
    let site = Site::new();
    store(&site, "others");
    let here = site.least();
    let there = here.replace(&site.path("keys").display().to_string(), &site.path("others").display().to_string());
    let server = site.start(&[]);
    let admin = site.admin(&server);
    assert_eq!(admin.call("PUT", "/v1/key/create/my-key").expect("an answer").0, 200);
    fs::copy(site.path("keys/my-key"), site.path("others/my-key")).expect("copied");
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let request = "GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n";
            let mut connection = admin.begin(request).expect("a connection");
            connection.read_one().expect("an answer");
            let mut answers = 0;
            while !ended.load(Ordering::Relaxed) {
                assert_eq!(connection.again("PUT", "/v1/key/generate/my-key").expect("an answer").0, 200);
                answers += 1;
            }
            answers
        });
        let reload = |times: usize| {
            for round in 0..times {
                site.configure(if round % 2 == 0 { &there } else { &here });
                server.reload();
            }
        };
        reload(WARM_UP);
        let before = own_account(&admin, server.id());
        reload(RELOADS);
        // Whatever the load is at comes and goes: files of the store, its tasks, the connections that were just closed.
        let leeway = [8, 8, 8, 10 << 20];
        // The last stores are closed when the requests that know them have ended.
        let begin = Instant::now();
        loop {
            let after = own_account(&admin, server.id());
            if (0..leeway.len()).all(|index| after[index] <= before[index] + leeway[index]) {
                break;
            }
            assert!(
                begin.elapsed() < PATIENCE,
                "threads, descriptors, tasks and bytes: {before:?} before, {after:?} after {RELOADS} reloads"
            );
        }
        ended.store(true, Ordering::Relaxed);
        assert!(load.join().expect("no request failed") > 0);
    });
}

/// Threads of the server, and what it says of itself: open descriptors, tasks and memory in bytes.
fn own_account(admin: &Client, id: u32) -> [i64; 4] {
    let (_, metrics) = admin.call("GET", "/v1/metrics?format=extended").expect("an answer");
    let threads = fs::read_dir(format!("/proc/{id}/task")).expect("a process").count() as i64;
    let [descriptors, tasks, bytes] =
        ["kes_open_descriptors ", "kes_tasks ", "kes_memory_resident_bytes "].map(|name| {
            let value = metrics.lines().find_map(|line| line.strip_prefix(name));
            value.and_then(|value| value.parse::<f64>().ok()).expect("a number") as i64
        });
    [threads, descriptors, tasks, bytes]
}

#[test]
fn a_storm_of_signals_is_reloads_and_nothing_else() {
    let site = Site::new();
    let server = site.start(&[]);
    for _ in 0..50 {
        server.signal(Signal::HUP);
    }
    server.reload();
    assert_eq!(site.admin(&server).call("GET", "/v1/ready").expect("an answer").0, 200);
    server.signal(Signal::HUP);
    server.signal(Signal::TERM);
    assert_eq!(server.end().status.code(), Some(0));
}
