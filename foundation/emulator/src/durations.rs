//! How long AWS's slow states last: the middle of published logs.

use std::time::Duration;

/// A NAT gateway from `pending` to `available`.
pub const NAT_CREATE: Duration = Duration::from_secs(107);
/// A NAT gateway from `deleting` to `deleted`.
pub const NAT_DELETE: Duration = Duration::from_secs(57);
/// How long a deleted NAT gateway can still be described.
pub const NAT_REMEMBERED: Duration = Duration::from_secs(3600);
/// An interface endpoint from `pending` to `available`.
pub const ENDPOINT_CREATE: Duration = Duration::from_secs(60);
