//! The contract against a real OpenBao, in the layouts that are in use.

use kes_config::keystore::KvVersion::{V1, V2};

use super::site_or_return;

crate::conformance_suite!(kv1, site_or_return!(version: V1));
crate::conformance_suite!(
    kv1_in_a_namespace_and_folder,
    site_or_return!(version: V1, namespace: true, prefix: Some("tenant/a"))
);
crate::conformance_suite!(kv2, site_or_return!(version: V2));
crate::conformance_suite!(
    kv2_in_a_namespace_and_folder,
    site_or_return!(version: V2, namespace: true, prefix: Some("tenant"))
);
crate::conformance_suite!(kv2_with_transit, site_or_return!(version: V2, transit: true));
crate::conformance_suite!(
    kv2_with_transit_in_a_namespace_and_folder,
    site_or_return!(version: V2, transit: true, namespace: true, prefix: Some("tenant"))
);
