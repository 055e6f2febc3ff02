use serde_json::Value;

use crate::{IDENTITY, configuration, path, text};

/// All objects of the manifests.
fn objects() -> Vec<Value> {
    let mut objects = Vec::new();
    for entry in std::fs::read_dir(path("examples/kubernetes")).expect("a directory") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        if name.ends_with(".yaml") {
            let text = text(&format!("examples/kubernetes/{name}"));
            let documents: Vec<Value> =
                serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            objects.extend(documents);
        }
    }
    objects
}

/// The only object of a kind.
fn object(kind: &str) -> Value {
    let mut found: Vec<Value> = objects().into_iter().filter(|object| object["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}");
    found.remove(0)
}

fn pod() -> Value {
    object("StatefulSet")["spec"]["template"]["spec"].clone()
}

fn container() -> Value {
    pod()["containers"][0].clone()
}

fn config() -> kes_config::Config {
    let map = object("ConfigMap");
    let text = map["data"]["config.yaml"].as_str().expect("a configuration");
    configuration("config.yaml", text, &[("MY_APP_IDENTITY", IDENTITY)])
}

/// The element of an array that has this name.
fn named<'a>(array: &'a Value, name: &str) -> &'a Value {
    let found = array.as_array().and_then(|array| array.iter().find(|element| element["name"] == name));
    found.unwrap_or_else(|| panic!("nothing is called {name} in {array}"))
}

/// Where a volume is mounted.
fn mounted(volume: &str) -> String {
    named(&container()["volumeMounts"], volume)["mountPath"].as_str().expect("a path").to_owned()
}

#[test]
fn every_object_has_a_version_a_kind_and_a_name() {
    for object in objects() {
        for member in [&object["apiVersion"], &object["kind"], &object["metadata"]["name"]] {
            assert!(member.as_str().is_some_and(|text| !text.is_empty()), "{object}");
        }
    }
}

#[test]
fn the_container_has_what_its_configuration_names() {
    let (container, pod, config) = (container(), pod(), config());
    let arguments = ["server".to_owned(), "--config".to_owned(), format!("{}/config.yaml", mounted("config"))];
    assert_eq!(container["args"], Value::from(arguments.to_vec()));
    assert_eq!(named(&pod["volumes"], "config")["configMap"]["name"], object("ConfigMap")["metadata"]["name"]);

    let secret = object("Secret");
    assert_eq!(named(&pod["volumes"], "tls")["secret"]["secretName"], secret["metadata"]["name"]);
    for (file, name) in [(&config.tls.key, "tls.key"), (&config.tls.cert, "tls.crt")] {
        assert_eq!(file.to_str(), Some(format!("{}/{name}", mounted("tls")).as_str()));
        assert!(secret["stringData"][name].is_string(), "{name} is not in the secret");
    }

    assert!(format!("{:?}", config.keystore).contains(&format!("{}/", mounted("data"))), "{:?}", config.keystore);
    assert_eq!(object("StatefulSet")["spec"]["volumeClaimTemplates"][0]["metadata"]["name"], "data");
    assert_eq!(named(&container["env"], "MY_APP_IDENTITY")["value"], IDENTITY);
}

#[test]
fn probes_ask_the_listener_that_is_for_them() {
    let (container, config) = (container(), config());
    let health = config.health.expect("an address");
    assert!(health.ip().is_unspecified(), "the kubelet asks from outside of the pod");
    assert_eq!(named(&container["ports"], "health")["containerPort"], health.port());
    assert_eq!(named(&container["ports"], "https")["containerPort"], config.address.port());
    for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/ready")] {
        let probe = &container[probe];
        assert_eq!((&probe["httpGet"]["path"], &probe["httpGet"]["port"]), (&path.into(), &"health".into()));
        assert!(probe["timeoutSeconds"].as_u64().is_some_and(|seconds| seconds > 1), "readiness takes up to a second");
    }
}

#[test]
fn the_service_leads_to_the_pod() {
    let (service, set) = (object("Service"), object("StatefulSet"));
    assert_eq!(service["spec"]["selector"], set["spec"]["template"]["metadata"]["labels"]);
    assert_eq!(set["spec"]["selector"]["matchLabels"], set["spec"]["template"]["metadata"]["labels"]);
    assert_eq!(set["spec"]["serviceName"], service["metadata"]["name"]);
    let port = &service["spec"]["ports"][0];
    assert_eq!(port["port"], config().address.port());
    named(&container()["ports"], port["targetPort"].as_str().expect("a name"));
}

#[test]
fn the_pod_may_do_nothing_that_it_need_not() {
    let (container, pod) = (container(), pod());
    let context = &container["securityContext"];
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(context["capabilities"]["drop"][0], "ALL");
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    let grace = pod["terminationGracePeriodSeconds"].as_u64().expect("seconds");
    assert!(grace > 2 * config().shutdown_grace.as_secs(), "requests in flight, then the key store");
}
