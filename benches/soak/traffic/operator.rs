//! Who looks on, and two who may do little: one whose policy comes and goes, and one who has none.

use http::Method;

use super::breathe;
use crate::caller::Caller;
use crate::site::HOLDERS;

/// Asks for everything that is no key, until the world ends.
pub async fn inspect(mut caller: Caller) {
    while caller.world.goes_on() {
        let index = caller.rng.usize(..HOLDERS);
        let identity = caller.world.site.identities.holders[index].identity();
        match caller.rng.u32(..12) {
            0 => drop(caller.get("/version", &[200]).await),
            1 => drop(caller.get("/v1/api", &[200]).await),
            2 => drop(caller.get("/v1/metrics", &[200]).await),
            3 => drop(caller.get("/v1/metrics?format=extended", &[200]).await),
            4 => status(&mut caller).await,
            5 => {
                let failing = &[502, 504];
                caller.call_or(Method::GET, "/v1/ready", "", "", &[200], failing).await;
            }
            6 => drop(caller.get("/v1/policy/list/", &[200]).await),
            7 => describe(&mut caller, "/v1/policy/describe/", &format!("holder-{index}")).await,
            8 => describe(&mut caller, "/v1/policy/read/", &format!("holder-{index}")).await,
            9 => drop(caller.get("/v1/identity/list/", &[200]).await),
            10 => describe(&mut caller, "/v1/identity/describe/", identity.as_str()).await,
            _ => drop(caller.get("/v1/identity/self/describe", &[200]).await),
        }
        breathe(&mut caller).await;
    }
}

async fn describe(caller: &mut Caller, route: &'static str, argument: &str) {
    caller.call_or(Method::GET, route, argument, "", &[200], &[]).await;
}

/// The status tells whether the store can be reached, and does so with 200.
async fn status(caller: &mut Caller) {
    let begin = std::time::Instant::now();
    let Some(answer) = caller.get("/v1/status", &[200]).await else { return };
    let unreachable = answer.json()["keystore_unreachable"].as_bool().unwrap_or_default();
    if unreachable && caller.world.weather.was_fair(begin) {
        caller.surprise("the status says that the key store cannot be reached");
    }
}

/// Does the same all the time; the rules of the moment decide the answer.
pub async fn fickle(mut caller: Caller) {
    while caller.world.goes_on() {
        let (change, allowed) = caller.world.rules.now();
        let (route, expected) = ("/v1/key/describe/", [200, 403]);
        let answer = caller.call(Method::GET, route, "hot", "", &expected).await;
        if let (Some(answer), Some(allowed)) = (answer, allowed)
            && caller.world.rules.now().0 == change
            && (answer.status == 200) != allowed
        {
            let may = if allowed { "may" } else { "may not" };
            caller.surprise(format_args!("who {may} describe a key was answered {}", answer.status));
        }
        breathe(&mut caller).await;
    }
}

/// May do nothing, and does so with everything.
pub async fn outsider(mut caller: Caller) {
    while caller.world.goes_on() {
        let (method, route, argument) = match caller.rng.u32(..7) {
            0 => (Method::PUT, "/v1/key/create/", "mine"),
            1 => (Method::PUT, "/v1/key/decrypt/", "hot"),
            2 => (Method::DELETE, "/v1/key/delete/", "hot"),
            3 => (Method::GET, "/v1/key/list/", "*"),
            4 => (Method::GET, "/v1/log/audit", ""),
            5 => (Method::GET, "/v1/status", ""),
            _ => (Method::GET, "/v1/policy/list/", ""),
        };
        caller.call_or(method, route, argument, "", &[403], &[]).await;
        breathe(&mut caller).await;
    }
}
