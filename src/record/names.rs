//! Lookups on a tape: what was asked, what was found, and why not. Owns their bytes, in both directions.

use std::net::SocketAddr;

use super::decode::Input;
use super::encode::Encoder;
use crate::address::Address;
use crate::error::NameError;
use crate::network::{Found, Question};

const ADDRESSES: u8 = 0;
const NAME: u8 = 1;

impl Encoder {
    pub(super) fn question(&mut self, question: &Question) {
        match question {
            Question::Addresses(host) => {
                self.out.push(ADDRESSES);
                self.text(host);
            }
            Question::Name(address) => {
                self.out.push(NAME);
                self.ip(*address);
            }
        }
    }

    pub(super) fn found(&mut self, found: &Found) {
        match found {
            Found::Addresses(addresses) => {
                self.out.push(ADDRESSES);
                self.number(addresses.len() as u64);
                for address in addresses {
                    self.address(&Address::Tcp(*address));
                }
            }
            Found::Name(name) => {
                self.out.push(NAME);
                self.text(name);
            }
        }
    }

    pub(super) fn name_error(&mut self, error: &NameError) {
        let (tag, text) = match error {
            NameError::Unknown => (0, None),
            NameError::Busy => (1, None),
            NameError::Failed(what) => (2, Some(what)),
            NameError::NoData => (3, None),
            NameError::Temporary => (4, None),
            NameError::Service => (5, None),
            NameError::NotAName(why) => (6, Some(why)),
            NameError::TimedOut => (7, None),
        };
        self.out.push(tag);
        if let Some(text) = text {
            self.text(text);
        }
    }
}

impl Input<'_, '_> {
    pub(super) fn question(&mut self) -> Option<Question> {
        Some(match self.byte()? {
            ADDRESSES => Question::Addresses(self.text()?),
            NAME => Question::Name(self.ip()?),
            _ => return None,
        })
    }

    pub(super) fn found(&mut self) -> Option<Found> {
        Some(match self.byte()? {
            ADDRESSES => {
                let mut addresses = Vec::new();
                for _ in 0..self.number()? {
                    addresses.push(self.tcp_address()?);
                }
                Found::Addresses(addresses)
            }
            NAME => Found::Name(self.text()?),
            _ => return None,
        })
    }

    fn tcp_address(&mut self) -> Option<SocketAddr> {
        match self.address()? {
            Address::Tcp(address) => Some(address),
            Address::Unix(_) => None,
        }
    }

    pub(super) fn name_error(&mut self) -> Option<NameError> {
        Some(match self.byte()? {
            0 => NameError::Unknown,
            1 => NameError::Busy,
            2 => NameError::Failed(self.text()?),
            3 => NameError::NoData,
            4 => NameError::Temporary,
            5 => NameError::Service,
            6 => NameError::NotAName(self.text()?),
            7 => NameError::TimedOut,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::LookupId;
    use crate::record::call::{Answer, Call, Event, Told};
    use crate::record::decode::Decoder;

    #[track_caller]
    fn comes_back(call: Call, answer: Answer) {
        let event = Event { call, answer };
        let mut encoder = Encoder::default();
        encoder.event(&event);
        let back = Decoder::default().event(&mut encoder.out.as_slice());
        assert_eq!(back, Some(event));
    }

    #[test]
    fn errors_of_names_come_back_as_they_were_written() {
        for error in [
            NameError::Unknown,
            NameError::NoData,
            NameError::Temporary,
            NameError::Service,
            NameError::Busy,
            NameError::TimedOut,
            NameError::Failed("the server failed".to_owned()),
            NameError::NotAName("it is empty".to_owned()),
        ] {
            comes_back(Call::Now, Answer::NameRefused(error));
        }
    }

    #[test]
    fn lookups_come_back_as_they_were_written() {
        let questions = [
            Question::Addresses("example.com".to_owned()),
            Question::Name([127, 0, 0, 1].into()),
        ];
        for question in questions {
            comes_back(Call::LookUp(LookupId(300), question), Answer::Nothing);
        }
        let addresses = ["127.0.0.1:0", "[fe80::1%3]:0"].map(|text| text.parse().unwrap());
        let names = vec![
            (LookupId(1), Ok(Found::Addresses(addresses.to_vec()))),
            (LookupId(2), Ok(Found::Name("localhost".to_owned()))),
            (LookupId(3), Err(NameError::Temporary)),
        ];
        let told = Told {
            names,
            ..Told::default()
        };
        comes_back(Call::Poll, Answer::Told(told));
        for protocol in [None, Some("udp".to_owned())] {
            let port = Call::ServicePort("domain".to_owned(), protocol.clone());
            comes_back(port, Answer::Maybe(Some(53)));
            let name = Call::ServiceName(53, protocol);
            comes_back(name, Answer::MaybeName(Some("domain".to_owned())));
        }
    }
}
