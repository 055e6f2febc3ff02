use super::*;

fn ip(value: &str) -> Option<String> {
    let mut headers = HeaderMap::new();
    headers.insert("X-Forwarded-For", value.parse().expect("a value"));
    forwarded_ip(&headers).map(|ip| ip.to_string())
}

#[test]
fn the_first_address_is_the_clients() {
    for (value, client) in [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:49152", "203.0.113.7"),
        ("203.0.113.7, 10.0.0.1", "203.0.113.7"),
        ("203.0.113.7:1,unknown", "203.0.113.7"),
        (" 203.0.113.7\t, 10.0.0.1", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("2001:DB8:0::7,10.0.0.1", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:1", "203.0.113.7"),
    ] {
        assert_eq!(ip(value).as_deref(), Some(client), "{value}");
    }
}

#[test]
fn what_is_no_address_says_nothing() {
    for value in [
        "",
        "unknown",
        "_hidden",
        ", 203.0.113.7",
        "unknown, 203.0.113.7",
        "203.0.113",
        "203.0.113.7:",
        "203.0.113.7:65536",
        "203.0.113.7:x",
        "203.0.113.7 10.0.0.1",
        "203.0.113.256",
        "for=203.0.113.7",
        "example.net",
        "[2001:db8::7]",
        "2001:db8::7]:443",
    ] {
        assert_eq!(ip(value), None, "{value}");
    }
    assert_eq!(forwarded_ip(&HeaderMap::new()), None);
    let mut headers = HeaderMap::new();
    headers.insert(FORWARDED_FOR, http::HeaderValue::from_bytes(b"\xff203.0.113.7").expect("a value"));
    assert_eq!(forwarded_ip(&headers), None);
}
