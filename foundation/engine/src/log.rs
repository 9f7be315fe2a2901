//! What a layer reads out of logs, and what is shown of it.

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was written, in milliseconds since 1970.
    pub at: i64,
    /// Its log group.
    pub group: String,
    /// Its stream in the group.
    pub stream: String,
    /// What was written.
    pub message: String,
    /// AWS's id of it.
    pub id: String,
}

/// What a query found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queried {
    /// The query as it was run.
    pub query: String,
    /// Fields and values of each row, in order.
    pub rows: Vec<Vec<(String, String)>>,
    /// How many lines passed its filters.
    pub matched: f64,
    /// How many lines were read.
    pub scanned: f64,
}
