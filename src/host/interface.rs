//! The addresses that this host has, and whether it is a container.

use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;

/// Files that the makers of containers leave in them.
const MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// Every address of every interface; none where the kernel does not tell.
pub fn own_addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = getifaddrs() else { return Vec::new() };
    let addresses = interfaces.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|socket| IpAddr::V4(socket.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|socket| IpAddr::V6(socket.ip())))
    });
    addresses.collect()
}

/// Whether this is a container, by the marks that their makers leave.
pub fn is_container() -> bool {
    MARKS.iter().any(|mark| Path::new(mark).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_its_loopback() {
        assert!(own_addresses().contains(&"127.0.0.1".parse().unwrap()));
    }
}
