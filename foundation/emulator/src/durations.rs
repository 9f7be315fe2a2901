//! How long AWS's slow states last: the middle of published logs.

use std::time::Duration;

/// How long a service holds what it writes to a log group, also after its end.
pub const LOG_FLUSH: Duration = Duration::from_secs(60);
/// A NAT gateway from `pending` to `available`.
pub const NAT_CREATE: Duration = Duration::from_secs(107);
/// A NAT gateway from `deleting` to `deleted`.
pub const NAT_DELETE: Duration = Duration::from_secs(57);
/// How long a deleted NAT gateway can still be described.
pub const NAT_REMEMBERED: Duration = Duration::from_secs(3600);
/// An interface endpoint from `pending` to `available`.
pub const ENDPOINT_CREATE: Duration = Duration::from_secs(60);
/// An RDS instance in one zone, from `creating` to `backing-up`.
pub const RDS_CREATE: Duration = Duration::from_secs(300);
/// The same with a standby in another zone.
pub const RDS_CREATE_MULTI_AZ: Duration = Duration::from_secs(840);
/// The first backup of an instance.
pub const RDS_BACKUP: Duration = Duration::from_secs(60);
/// A change that needs another machine or version.
pub const RDS_CHANGE: Duration = Duration::from_secs(240);
/// A change that needs neither; also how long an interface stays after its instance.
pub const RDS_SETTLE: Duration = Duration::from_secs(20);
/// From a new master password to the state that shows it: until then the instance says `available`.
pub const RDS_NOTICED: Duration = Duration::from_secs(5);
/// A new master password, until it is in force.
pub const RDS_PASSWORD: Duration = Duration::from_secs(25);
/// An instance from `deleting` to gone.
pub const RDS_DELETE: Duration = Duration::from_secs(240);
/// A load balancer from `provisioning` to `active`.
pub const ALB_CREATE: Duration = Duration::from_secs(148);
/// How long a balancer's interfaces stay after it.
pub const ALB_FREED: Duration = Duration::from_secs(45);
/// A target from its registration to `healthy`.
pub const TARGET_HEALTHY: Duration = Duration::from_secs(20);
/// From a role's creation until ECS can take it.
pub const ROLE_KNOWN: Duration = Duration::from_secs(6);
/// From the role's way into an instance profile until EC2 knows of it.
pub const PROFILE_KNOWN: Duration = Duration::from_secs(9);
