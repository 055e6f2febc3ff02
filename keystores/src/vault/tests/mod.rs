//! The store against a real OpenBao, and what OpenBao cannot show against a script.

mod answers;
mod entries;
mod fake;
mod layouts;
mod logins;
mod node;
#[allow(dead_code, reason = "shared with the tests of the server, which also kill it")]
#[path = "../../../../tests/shared/openbao.rs"]
mod openbao;
mod outages;
mod session;
mod site;
mod tls;
mod transit;

/// A site of this layout; ends the test where there is no OpenBao.
macro_rules! site_or_return {
    ($($field:ident: $value:expr),* $(,)?) => {
        match $crate::vault::tests::site::Site::new($crate::vault::tests::site::Layout {
            $($field: $value,)*
            ..Default::default()
        })
        .await
        {
            Some(site) => site,
            None => return,
        }
    };
}
use site_or_return;
