//! What a build without the embedded AWS says of it.

use aws::Connection;
use cli::{Problem, Settings};
use std::net::SocketAddr;

fn absent(settings: &Settings) -> Problem {
    Problem::Config(format!(
        "`{}` uses the embedded AWS, which this build does not have\nhint: build with `--features embedded`, or lead it to another AWS: --endpoint-url, or `embedded = false`",
        settings.env
    ))
}

/// # Errors
/// Always.
pub(crate) fn connected(_: Connection, settings: &Settings) -> Result<Connection, Problem> {
    Err(absent(settings))
}

/// # Errors
/// Always.
pub(crate) async fn serve(settings: &Settings, _: SocketAddr) -> Result<(), Problem> {
    Err(absent(settings))
}
