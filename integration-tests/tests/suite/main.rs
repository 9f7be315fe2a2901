//! The whole-tool suites on the embedded AWS.
#![allow(clippy::unwrap_used)]

mod adopt;
mod bastion;
mod compute;
mod containers;
mod crash;
mod database;
mod edge;
mod edge_hazards;
mod fast;
mod fence;
mod half_made;
mod hazards;
mod hostile;
mod house;
mod kinds;
mod lag;
mod ledger_lost;
mod ledger_s3;
mod ledger_s3_damage;
mod ledger_s3_stack;
mod life;
mod log_events;
mod log_reading;
mod observability;
mod out_of_band;
mod permissions;
mod processes;
mod release;
mod rollout;
mod rotate;
mod secrets;
mod weather;
mod weather_ever;
mod why;
mod words;
