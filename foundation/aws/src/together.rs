//! Connections that several environments share while they are looked at together.

use crate::{Aws, Connection};
use std::collections::BTreeMap;
use tokio::sync::Mutex;

/// One connection for each end. Those who ask for the same end get the same clients, with their pace and what they were answered.
#[derive(Debug, Default)]
pub struct Together(Mutex<BTreeMap<String, Aws>>);

impl Together {
    /// None yet.
    pub const fn new() -> Together {
        Together(Mutex::const_new(BTreeMap::new()))
    }

    /// Clients that are there already: a suite's.
    pub fn holding(end: &str, aws: Aws) -> Together {
        Together(Mutex::new(BTreeMap::from([(end.to_owned(), aws)])))
    }

    /// The clients of this end, connected by the first who asks. They only look: what was answered once is not asked again.
    pub async fn connect(&self, end: &str, connection: Connection) -> Aws {
        let mut known = self.0.lock().await;
        if let Some(aws) = known.get(end) {
            return aws.clone();
        }
        let aws = Aws::connect(&Connection { looks: true, ..connection }).await;
        known.insert(end.to_owned(), aws.clone());
        aws
    }
}
