//! Which addresses may be reached, and connections to them.
//!
//! In: a host name or address and a port. Out: a TCP connection to an address that passed the
//! policy. Names are resolved here and the address checked is the address connected to, so a name
//! cannot mean one address when checked and another when used. Redirects pass through here again.
//!
//! The policy guards destinations that someone other than the operator can choose. Receivers the
//! operator configured are reached under [`EgressPolicy::open`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::error::{TransportError, TransportErrorKind};

/// The rules for destinations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    guarded: bool,
    private: bool,
    allowed: Vec<IpNet>,
}

impl EgressPolicy {
    /// Everything may be reached.
    pub fn open() -> Self {
        Self::default()
    }

    /// Loopback, link-local, metadata services, multicast, unspecified and reserved addresses may
    /// not be reached, nor private ones (RFC 1918, RFC 6598, RFC 4193).
    pub fn guarded() -> Self {
        Self { guarded: true, ..Self::default() }
    }

    /// The same, with private addresses allowed: internal services are the normal case in most
    /// installations.
    #[must_use]
    pub fn allow_private(mut self) -> Self {
        self.private = true;
        self
    }

    /// The same, with these networks allowed whatever else is said about them.
    #[must_use]
    pub fn allow(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.allowed.extend(networks);
        self
    }

    /// `None` when the address may be reached, else what it is.
    pub fn refusal(&self, address: IpAddr) -> Option<&'static str> {
        if !self.guarded {
            return None;
        }
        let address = embedded_v4(address);
        if self.allowed.iter().any(|network| network.contains(&address)) {
            return None;
        }
        let kind = match address {
            IpAddr::V4(v4) => kind_v4(v4),
            IpAddr::V6(v6) => kind_v6(v6),
        };
        match kind {
            Kind::Public => None,
            Kind::Private if self.private => None,
            Kind::Private => Some("a private address"),
            Kind::Special(what) => Some(what),
        }
    }

    /// [`EgressPolicy::refusal`] as an error that names the host.
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), TransportError> {
        match self.refusal(address) {
            None => Ok(()),
            Some(what) => Err(TransportError::new(
                TransportErrorKind::Policy,
                format!("{host} is not allowed as destination: {address} is {what}"),
            )),
        }
    }
}

enum Kind {
    Public,
    Private,
    Special(&'static str),
}

/// IPv4 addresses have many IPv6 spellings that reach the same host.
fn embedded_v4(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let s = v6.segments();
    let low = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // ::1 and :: are themselves, not compatible forms of 0.0.0.1 and 0.0.0.0.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        // mapped, translated (SIIT), compatible, NAT64
        [0, 0, 0, 0, 0, 0xffff, h, l]
        | [0, 0, 0, 0, 0xffff, 0, h, l]
        | [0, 0, 0, 0, 0, 0, h, l]
        | [0x64, 0xff9b, 0, 0, 0, 0, h, l] => low(h, l),
        // 6to4
        [0x2002, h, l, ..] => low(h, l),
        _ => address,
    }
}

fn kind_v4(v4: Ipv4Addr) -> Kind {
    match v4.octets() {
        // Oracle's and Alibaba's metadata services live outside the link-local range.
        [192, 0, 0, 192] | [100, 100, 100, 200] => Kind::Special("a metadata service"),
        [0, ..] => Kind::Special("an unspecified address"),
        [127, ..] => Kind::Special("a loopback address"),
        [169, 254, 169, 254] => Kind::Special("a metadata service"),
        [169, 254, ..] => Kind::Special("a link-local address"),
        [224..=239, ..] => Kind::Special("a multicast address"),
        [240..=255, ..] | [192, 0, 0, _] => Kind::Special("a reserved address"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Kind::Private,
        _ => Kind::Public,
    }
}

fn kind_v6(v6: Ipv6Addr) -> Kind {
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Kind::Special("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Special("a loopback address"),
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254] => Kind::Special("a metadata service"),
        [0xfe80..=0xfebf, ..] => Kind::Special("a link-local address"),
        [0xff00..=0xffff, ..] => Kind::Special("a multicast address"),
        // site-local, Teredo, local NAT64, discard
        [0xfec0..=0xfeff, ..] | [0x2001, 0, ..] | [0x64, 0xff9b, 1, ..] | [0x100, 0, 0, 0, ..] => {
            Kind::Special("a reserved address")
        }
        [0xfc00..=0xfdff, ..] => Kind::Private,
        _ => Kind::Public,
    }
}

/// How long all addresses of a host together may take to accept.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Connects to the first address of `host` that the policy allows and that accepts. `host` is a
/// name or an address, IPv6 with or without brackets.
pub async fn connect(
    policy: &EgressPolicy,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<TcpStream, TransportError> {
    let deadline = deadline.min(Instant::now() + CONNECT_LIMIT);
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let addresses = resolve(bare, port, deadline).await?;
    let mut refused = None;
    let mut permitted = Vec::with_capacity(addresses.len());
    for address in addresses {
        match policy.check(bare, address.ip()) {
            Ok(()) => permitted.push(address),
            Err(refusal) => refused = Some(refusal),
        }
    }
    let mut failure = refused;
    for (tried, address) in permitted.iter().enumerate() {
        // The time left is shared, so one address that never answers leaves room for the next.
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(permitted.len() - tried).unwrap_or(1);
        match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).ok();
                return Ok(stream);
            }
            Ok(Err(error)) => {
                let text = format!("connect to {address}: {error}");
                failure = Some(TransportError::new(TransportErrorKind::Connect, text));
            }
            Err(_) => failure = Some(TransportError::timeout(format!("connect to {address}"))),
        }
    }
    Err(failure.unwrap_or_else(|| no_address(bare)))
}

fn no_address(host: &str) -> TransportError {
    TransportError::new(TransportErrorKind::Resolve, format!("{host} has no address"))
}

async fn resolve(
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, TransportError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = timeout_at(deadline, tokio::net::lookup_host((host, port)))
        .await
        .map_err(|_| TransportError::timeout(format!("look up {host}")))?
        .map_err(|error| {
            TransportError::new(TransportErrorKind::Resolve, format!("look up {host}: {error}"))
        })?;
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(policy: &EgressPolicy, address: &str) -> Option<&'static str> {
        policy.refusal(address.parse().unwrap())
    }

    #[test]
    fn guarded_refuses_special_addresses_in_every_spelling() {
        let policy = EgressPolicy::guarded().allow_private();
        for (address, expected) in [
            ("127.0.0.1", Some("a loopback address")),
            ("127.255.0.9", Some("a loopback address")),
            ("::1", Some("a loopback address")),
            ("::ffff:127.0.0.1", Some("a loopback address")),
            ("::127.0.0.1", Some("a loopback address")),
            ("::ffff:0:127.0.0.1", Some("a loopback address")),
            ("64:ff9b::7f00:1", Some("a loopback address")),
            ("2002:7f00:1::", Some("a loopback address")),
            ("169.254.169.254", Some("a metadata service")),
            ("::ffff:169.254.169.254", Some("a metadata service")),
            ("fd00:ec2::254", Some("a metadata service")),
            ("100.100.100.200", Some("a metadata service")),
            ("169.254.1.1", Some("a link-local address")),
            ("fe80::1", Some("a link-local address")),
            ("0.0.0.0", Some("an unspecified address")),
            ("0.1.2.3", Some("an unspecified address")),
            ("::", Some("an unspecified address")),
            ("224.0.0.1", Some("a multicast address")),
            ("ff02::1", Some("a multicast address")),
            ("255.255.255.255", Some("a reserved address")),
            ("fec0::1", Some("a reserved address")),
            ("2001::1", Some("a reserved address")),
            ("10.0.0.1", None),
            ("fd12::1", None),
            ("8.8.8.8", None),
            ("::ffff:8.8.8.8", None),
            ("2606:4700::1111", None),
        ] {
            assert_eq!(refusal(&policy, address), expected, "{address}");
            assert_eq!(refusal(&EgressPolicy::open(), address), None, "{address} when open");
        }
    }

    #[test]
    fn private_addresses_and_the_allow_list() {
        let policy = EgressPolicy::guarded();
        for address in ["10.1.1.1", "172.31.0.1", "192.168.0.1", "100.64.0.1", "fc00::1"] {
            assert_eq!(refusal(&policy, address), Some("a private address"), "{address}");
        }
        for address in ["172.32.0.1", "100.128.0.1", "11.0.0.1"] {
            assert_eq!(refusal(&policy, address), None, "{address}");
        }
        let listed =
            policy.allow(["10.1.0.0/16".parse().unwrap(), "127.0.0.1/32".parse().unwrap()]);
        assert_eq!(refusal(&listed, "10.1.1.1"), None);
        assert_eq!(refusal(&listed, "::ffff:127.0.0.1"), None);
        assert_eq!(refusal(&listed, "10.2.1.1"), Some("a private address"));
        assert_eq!(refusal(&listed, "127.0.0.2"), Some("a loopback address"));
    }

    #[tokio::test]
    async fn names_are_checked_by_what_they_resolve_to() {
        let server = bongsu_testkit::capture::CaptureServer::start();
        let port = server.address().port();
        let deadline = Instant::now() + Duration::from_secs(10);
        for host in ["localhost", "127.0.0.1", "[::1]", "::ffff:127.0.0.1"] {
            let error = connect(&EgressPolicy::guarded(), host, port, deadline).await.unwrap_err();
            assert_eq!(error.kind, TransportErrorKind::Policy, "{host}: {error}");
        }
        connect(&EgressPolicy::open(), "localhost", port, deadline).await.unwrap();
        let listed = EgressPolicy::guarded().allow(["127.0.0.0/8".parse().unwrap()]);
        connect(&listed, "localhost", port, deadline).await.unwrap();
    }

    #[tokio::test]
    async fn a_closed_port_and_an_unknown_name() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let deadline = Instant::now() + Duration::from_secs(10);
        let open = EgressPolicy::open();
        let error = connect(&open, "127.0.0.1", free, deadline).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Connect);
        assert!(error.message.starts_with(&format!("connect to 127.0.0.1:{free}: ")), "{error}");
        let error = connect(&open, "no such host", 80, deadline).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Resolve, "{error}");
    }
}
