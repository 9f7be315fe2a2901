//! Tables that fit the terminal.

use comfy_table::{ContentArrangement, Table};

/// An empty table with this header: as wide as it is, on a terminal no wider than that.
pub(crate) fn table<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.set_header(header);
    if let Some(width) = crate::out::width() {
        let width = u16::try_from(width).unwrap_or(u16::MAX);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}
