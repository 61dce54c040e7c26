//! `amtool cluster`.

use std::fmt::Write;

use super::{Call, Format, format};
use crate::output;
use crate::tabwriter::align;

/// `cluster show`.
pub(super) fn show(call: &Call) -> Result<(), String> {
    let status = call.client()?.status().map_err(|e| e.to_string())?;
    let mut cluster = status.item.cluster;
    if call.format() == Format::Json {
        format::json(&status.json["cluster"]);
        return Ok(());
    }
    let mut table = format!("Cluster Status:\t{}\nNode Name:\t{}\n", cluster.status, cluster.name);
    if call.format() == Format::Extended {
        table.push_str("\nAddress\tName\n");
        cluster.peers.sort_by(|a, b| a.address.cmp(&b.address));
        for peer in &cluster.peers {
            // Writing to a String does not fail.
            let _ = writeln!(table, "{}\t{}\t", peer.address, peer.name);
        }
    }
    output::print(&align(&table));
    Ok(())
}
