use std::path::Path;

use crate::{IDENTITY, configuration, path, text};

/// The documents that lead through the project.
fn documents() -> Vec<String> {
    let mut found = vec!["README.md".to_owned()];
    let mut pending = vec!["docs".to_owned(), "examples".to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(path(&directory)).expect("a directory") {
            let entry = entry.expect("an entry");
            let name = format!("{directory}/{}", entry.file_name().into_string().expect("UTF-8"));
            if entry.path().is_dir() {
                pending.push(name);
            } else if name.ends_with(".md") {
                found.push(name);
            }
        }
    }
    found
}

/// The relative links of a document.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains("://"))
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        let directory = path(&document).parent().map(Path::to_owned).expect("a directory");
        let text = text(&document);
        let missing = links(&text).filter(|target| !directory.join(target).exists());
        broken.extend(missing.map(|target| format!("{document}: {target}")));
    }
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn the_configuration_for_minio_is_valid() {
    let text = text("examples/minio/config.yaml");
    configuration("examples/minio/config.yaml", &text, &[("MINIO_KES_IDENTITY", IDENTITY)]);
}

/// Its nginx is run by the tests of the server.
#[test]
fn nginx_and_the_server_behind_it_agree() {
    const PROXY: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    let name = "examples/nginx/config.yaml";
    let config = configuration(name, &text(name), &[("MY_APP_IDENTITY", IDENTITY), ("PROXY_IDENTITY", PROXY)]);
    let proxies = config.tls.proxy.expect("a proxy");
    assert_eq!(proxies.identities, [PROXY.parse().expect("an identity")]);
    let nginx = text("examples/nginx/nginx.conf");
    assert!(nginx.contains(&format!("proxy_set_header {} $ssl_client_escaped_cert;", proxies.header)));
    assert!(nginx.contains(&format!("server kes.example.net:{};", config.address.port())));
}

#[test]
fn every_example_is_in_the_index() {
    let index = text("examples/README.md");
    let listed: Vec<&str> = links(&index).map(|target| target.trim_end_matches('/')).collect();
    for entry in std::fs::read_dir(path("examples")).expect("a directory") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        assert!(name == "README.md" || listed.contains(&name.as_str()), "{name} is not in examples/README.md");
    }
}

#[test]
fn every_document_is_in_the_index() {
    let index = text("docs/README.md");
    let listed: Vec<&str> = links(&index).collect();
    for entry in std::fs::read_dir(path("docs")).expect("a directory") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        assert!(name == "README.md" || listed.contains(&name.as_str()), "{name} is not in docs/README.md");
    }
}
