//! Token buckets by client address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::options::Rate;

/// Addresses remembered before full buckets are forgotten.
const SWEEP_AT: usize = 10_000;
/// Addresses remembered at most; above, nobody new is counted until some are forgotten.
const MOST: usize = 100_000;

/// Limits requests of each address.
pub(crate) struct RateLimiter {
    rate: Rate,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl RateLimiter {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    /// Takes a token, or says how long until there is one.
    pub(crate) fn take(&self, address: IpAddr) -> Result<(), Duration> {
        self.take_at(network(address), Instant::now())
    }

    fn take_at(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let Rate { per_second, burst } = self.rate;
        let refill = |bucket: &Bucket| {
            let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.tokens + passed * per_second).min(burst)
        };
        let mut buckets = self.buckets.lock();
        if buckets.len() >= SWEEP_AT && !buckets.contains_key(&address) {
            buckets.retain(|_, bucket| refill(bucket) < burst);
            if buckets.len() >= MOST {
                return Ok(());
            }
        }
        let bucket = buckets.entry(address).or_insert(Bucket { tokens: burst, at: now });
        bucket.tokens = refill(bucket);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - bucket.tokens) / per_second.max(1e-6);
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }
}

/// A client of IPv6 owns a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            std::net::Ipv6Addr::from(network).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_with_time() {
        let limiter = RateLimiter::new(Rate { per_second: 2.0, burst: 3.0 });
        let (start, one, two) = (Instant::now(), [1, 1, 1, 1].into(), [2, 2, 2, 2].into());
        for _ in 0..3 {
            assert_eq!(limiter.take_at(one, start), Ok(()));
        }
        assert_eq!(limiter.take_at(one, start), Err(Duration::from_millis(500)));
        assert_eq!(limiter.take_at(two, start), Ok(()));
        let later = start + Duration::from_millis(600);
        assert_eq!(limiter.take_at(one, later), Ok(()));
        assert!(limiter.take_at(one, later).is_err());
    }

    #[test]
    fn addresses_of_one_network_share() {
        assert_eq!(
            network("2001:db8::1".parse().unwrap()),
            network("2001:db8::2".parse().unwrap())
        );
        assert_eq!(network("::ffff:1.2.3.4".parse().unwrap()), IpAddr::from([1, 2, 3, 4]));
    }
}
