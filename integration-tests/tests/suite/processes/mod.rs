//! The real binary, and other programs, as processes. What is not in here runs in this process, on a clock of its own.

mod alone;
mod boto3;
pub(super) mod canary;
mod damage;
mod dev;
mod doctor;
mod documents;
mod environments;
mod exit_codes;
mod init;
mod instructions;
mod kill;
mod ledger_s3_process;
mod locks;
mod logs;
mod models;
mod others;
mod readme;
mod sessions;
mod shells;
mod signals;
mod stale;
mod status;
mod terminal;
mod terraform;
mod watch;
