//! What each route answers, when all is well and when it is not.

mod every_route;
mod identity;
mod key;
mod outages;
mod policy;
mod status;
mod store_failures;
mod store_faults;
