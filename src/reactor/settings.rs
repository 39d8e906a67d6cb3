//! What the connections of one listener have in common: their limits, how many there are, and of which addresses. Owns the
//! counts; accepts and refuses nobody.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::address::Address;
use crate::connection::Peer;
use crate::limits::Limits;
use crate::network::Time;

use super::Reactor;
use super::shares::Shares;

/// What the connections of one listener share, or those made by us.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    /// The listener, and each connection. Connections made by us use place 0, which stays for ever.
    users: usize,
    pub(super) shares: Option<Box<Shares>>,
    crowd: Option<Box<Crowd>>,
}

/// How many connections there are of each address that has any.
#[derive(Debug)]
struct Crowd {
    most: usize,
    of: BTreeMap<Ipv6Addr, usize>,
}

impl Settings {
    pub(super) fn new(limits: Limits, now: Time) -> Self {
        let crowd = limits.policies.connections_of_address.map(|most| {
            Box::new(Crowd {
                most,
                of: BTreeMap::new(),
            })
        });
        Self {
            users: 1,
            shares: Shares::new(&limits.policies, now).map(Box::new),
            limits,
            crowd,
        }
    }

    /// How many connections there are.
    pub(super) fn connections(&self) -> usize {
        self.users - 1
    }

    /// Whether an address has as many connections as it may have.
    pub(super) fn crowds_out(&self, peer: &Address) -> bool {
        self.crowd.as_ref().is_some_and(|crowd| {
            household(peer).is_some_and(|household| {
                crowd.of.get(&household).copied().unwrap_or(0) >= crowd.most
            })
        })
    }

    /// One user more.
    pub(super) fn add_user(&mut self) {
        self.users += 1;
    }

    /// One connection more.
    pub(super) fn enter(&mut self, peer: &Address) {
        self.add_user();
        if let Some(crowd) = &mut self.crowd
            && let Some(household) = household(peer)
        {
            *crowd.of.entry(household).or_default() += 1;
        }
    }

    /// One connection less.
    fn leave(&mut self, peer: &Peer) {
        if let Some(crowd) = &mut self.crowd
            && let Some(household) = peer.address().as_ref().and_then(household)
            && let Some(count) = crowd.of.get_mut(&household)
        {
            *count -= 1;
            if *count == 0 {
                crowd.of.remove(&household);
            }
        }
    }

    /// Of how many addresses there are connections, if they are counted.
    pub(super) fn addresses(&self) -> Option<usize> {
        self.crowd.as_ref().map(|crowd| crowd.of.len())
    }
}

/// What counts as one address: see [`Limits::connections_of_address`].
fn household(peer: &Address) -> Option<Ipv6Addr> {
    let Address::Tcp(address) = peer else {
        return None;
    };
    Some(match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => ip,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64),
    })
}

impl Reactor {
    /// One user less of a listener's settings, be it a connection with this peer or the listener; the last one takes them
    /// along.
    pub(super) fn leave_settings(&mut self, place: u32, peer: Option<&Peer>) {
        let settings = &mut self.settings[place as usize];
        if let Some(peer) = peer {
            settings.leave(peer);
        }
        settings.users -= 1;
        if settings.users == 0 {
            let settings = self.settings.remove(place as usize);
            if let Some(shares) = settings.shares {
                self.end_shares(*shares);
            }
            // The log's sink is a user's object.
            self.discard(settings.limits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn household_of(ip: &str) -> Option<Ipv6Addr> {
        let ip: IpAddr = ip.parse().expect("an address");
        household(&Address::Tcp((ip, 9).into()))
    }

    #[test]
    fn an_address_of_version_4_is_itself_in_either_form() {
        assert_eq!(household_of("192.0.2.1"), household_of("::ffff:192.0.2.1"));
        assert_ne!(household_of("192.0.2.1"), household_of("192.0.2.2"));
        assert_ne!(
            household_of("::ffff:192.0.2.1"),
            household_of("::ffff:192.0.2.2")
        );
    }

    #[test]
    fn a_network_of_version_6_is_one() {
        assert_eq!(
            household_of("2001:db8:1:2::1"),
            household_of("2001:db8:1:2:f:f:f:f")
        );
        assert_ne!(
            household_of("2001:db8:1:2::1"),
            household_of("2001:db8:1:3::1")
        );
        assert_ne!(household_of("::1"), household_of("127.0.0.1"));
    }

    #[test]
    fn neighbours_on_a_link_are_not_one() {
        assert_ne!(household_of("fe80::1"), household_of("fe80::2"));
    }

    #[test]
    fn an_address_without_connections_is_forgotten() {
        let limits = Limits::default().connections_of_address(2);
        let mut settings = Settings::new(limits, Time::START);
        let peer = |port| Address::Tcp(([192, 0, 2, 1], port).into());
        settings.enter(&peer(1));
        settings.enter(&peer(2));
        assert!(settings.crowds_out(&peer(3)));
        settings.leave(&peer(2).into());
        assert!(!settings.crowds_out(&peer(3)));
        settings.leave(&peer(1).into());
        assert_eq!((settings.addresses(), settings.users), (Some(0), 3));
    }
}
