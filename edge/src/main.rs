//! `edge`: this layer alone, for the team that owns it.

cli::layer!(edge::Edge);
