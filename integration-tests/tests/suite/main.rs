//! The whole-tool suites on the embedded AWS.
#![allow(clippy::unwrap_used)]

mod adopt;
mod alone;
mod bastion;
mod boto3;
mod canary;
mod compute;
mod crash;
mod damage;
mod database;
mod edge;
mod edge_hazards;
mod half_made;
mod hazards;
mod hostile;
mod house;
mod kill;
mod kinds;
mod lag;
mod ledger_lost;
mod ledger_s3;
mod ledger_s3_damage;
mod ledger_s3_process;
mod ledger_s3_stack;
mod life;
mod locks;
mod observability;
mod out_of_band;
mod release;
mod rollout;
mod secrets;
mod signals;
mod stale;
mod terraform;
mod weather;
mod weather_ever;
