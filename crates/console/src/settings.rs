//! Settings of the console.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

/// Default port.
pub const PORT: u16 = 8900;

/// Number of ports above the wanted one that are tried if it is in use.
pub(crate) const MORE_PORTS: u16 = 100;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// `true` to listen on the next free port if the wanted one is in use.
    pub search_port: bool,
    /// Names in the header `Host` that are permitted besides those of the loopback addresses.
    pub allowed_hosts: Vec<String>,
    /// Token that every request must have. Required if the address is not a loopback address.
    pub bearer: Option<String>,
    /// Topic or view that is the table `quotes`.
    pub topic: String,
    /// The lake, as a person names it: a folder, or `s3://BUCKET`.
    pub location: String,
    /// Options that select the same lake in a command line.
    pub lake_options: Vec<String>,
    /// Memory of the SQL engine in bytes, for all statements together.
    pub memory_limit: usize,
    /// Number of objects of each topic from which columns that are not declared are inferred.
    pub samples: NonZeroUsize,
    /// Maximum duration of one statement.
    pub query_timeout: Duration,
    /// Period for which the tables and their columns are kept before the lake is listed again.
    pub session_lifetime: Duration,
}

impl Settings {
    /// Creates settings with defaults for a lake.
    pub fn new(topic: impl Into<String>, location: impl Into<String>) -> Self {
        Settings {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT),
            search_port: true,
            allowed_hosts: Vec::new(),
            bearer: None,
            topic: topic.into(),
            location: location.into(),
            lake_options: Vec::new(),
            memory_limit: 500_000_000,
            samples: lake_query::DEFAULT_SAMPLES,
            query_timeout: Duration::from_secs(60),
            session_lifetime: Duration::from_secs(5),
        }
    }
}
