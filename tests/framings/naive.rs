//! Each framing as a script that reads a file would have it: a byte, or so many, and stop where there are no more. Owns the
//! reference; shares no code with what it is compared to.

use ropewalk::FrameError;

/// A file to read from.
pub(crate) struct File<'a>(pub(crate) &'a [u8]);

impl<'a> File<'a> {
    pub(crate) fn take(&mut self, count: u128) -> Option<&'a [u8]> {
        let count = usize::try_from(count).ok()?;
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn drop(&mut self, count: u128) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.0 = &self.0[count.min(self.0.len())..];
    }

    fn drop_through(&mut self, end: u8) {
        while self.byte().is_some_and(|byte| byte != end) {}
    }
}

/// What comes next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Frame(Vec<u8>),
    Bad(FrameError, After),
}

/// What follows a bad frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The next frame, behind so many bytes more.
    Size(u128),
    /// The next frame, behind the next such byte.
    End(u8),
    /// Nobody knows.
    Nothing,
}

impl After {
    /// Whether the next frame can be found.
    pub(crate) fn skip(&self, file: &mut File<'_>) -> bool {
        match self {
            Self::Size(size) => file.drop(*size),
            Self::End(end) => file.drop_through(*end),
            Self::Nothing => return false,
        }
        true
    }
}

/// A rule, with its limit.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    Int(usize),
    Varint,
    Fixed,
    General(General),
    Netstring,
    Slip,
    Cobs,
}

#[derive(Clone, Debug)]
pub(crate) struct General {
    pub(crate) width: usize,
    pub(crate) offset: usize,
    pub(crate) adjustment: i64,
    pub(crate) little_endian: bool,
    pub(crate) keeps_header: bool,
}

/// `None`: the file ends before.
pub(crate) fn next(rule: &Rule, limit: usize, file: &mut File<'_>) -> Option<Next> {
    match rule {
        Rule::Int(width) => {
            let length = number(file.take(*width as u128)?.iter());
            measured(file, length, limit)
        }
        Rule::Varint => varint(file, limit),
        Rule::Fixed => Some(Next::Frame(file.take(limit as u128)?.to_vec())),
        Rule::General(general) => general.next(file, limit),
        Rule::Netstring => netstring(file, limit),
        Rule::Slip => slip(file, limit),
        Rule::Cobs => cobs(file, limit),
    }
}

fn number<'a>(bytes: impl Iterator<Item = &'a u8>) -> u128 {
    bytes.fold(0, |number, byte| number * 256 + u128::from(*byte))
}

fn too_long(limit: usize, size: Option<u128>, after: After) -> Option<Next> {
    let size = size.map(|size| u64::try_from(size).unwrap_or(u64::MAX));
    Some(Next::Bad(FrameError::TooLong { limit, size }, after))
}

fn malformed(after: After) -> Option<Next> {
    Some(Next::Bad(FrameError::Malformed(""), after))
}

fn measured(file: &mut File<'_>, length: u128, limit: usize) -> Option<Next> {
    if length > limit as u128 {
        return too_long(limit, Some(length), After::Size(length));
    }
    Some(Next::Frame(file.take(length)?.to_vec()))
}

fn varint(file: &mut File<'_>, limit: usize) -> Option<Next> {
    let mut length = 0;
    for place in 0.. {
        let byte = file.byte()?;
        length += u128::from(byte % 128) << (7 * place);
        if length > u128::from(u64::MAX) || place == 9 && byte >= 128 {
            return malformed(After::Nothing);
        }
        if byte == 0 && place > 0 {
            return malformed(After::Nothing);
        }
        if byte < 128 {
            break;
        }
    }
    measured(file, length, limit)
}

impl General {
    fn next(&self, file: &mut File<'_>, limit: usize) -> Option<Next> {
        let all = file.0;
        file.take(self.offset as u128)?;
        let field = file.take(self.width as u128)?;
        let value = match self.little_endian {
            true => number(field.iter().rev()),
            false => number(field.iter()),
        };
        let most = (1_i128 << (8 * self.width)) - 1 + i128::from(self.adjustment);
        let limit = limit.min(usize::try_from(most.max(0)).unwrap_or(usize::MAX));
        let Ok(length) = u128::try_from(value as i128 + i128::from(self.adjustment)) else {
            return malformed(After::Nothing);
        };
        let found = measured(file, length, limit)?;
        match found {
            Next::Frame(_) if self.keeps_header => {
                Some(Next::Frame(all[..all.len() - file.0.len()].to_vec()))
            }
            found => Some(found),
        }
    }
}

fn netstring(file: &mut File<'_>, limit: usize) -> Option<Next> {
    let mut digits = String::new();
    loop {
        match char::from(file.byte()?) {
            ':' if !digits.is_empty() => break,
            digit if digit.is_ascii_digit() && digits != "0" => digits.push(digit),
            _ => return malformed(After::Nothing),
        }
        if digits
            .parse::<u128>()
            .is_ok_and(|length| length > limit as u128)
        {
            return too_long(limit, None, After::Nothing);
        }
    }
    let body = file.take(digits.parse().expect("digits"))?;
    match file.byte()? {
        b',' => Some(Next::Frame(body.to_vec())),
        _ => malformed(After::Nothing),
    }
}

/// The bytes before the next `end`, without those ends that stand together with it; too long if they are more than `most`.
fn before(
    file: &mut File<'_>,
    end: u8,
    limit: usize,
    most: usize,
) -> Option<Result<Vec<u8>, Next>> {
    let mut frame = Vec::new();
    loop {
        match file.byte()? {
            byte if byte != end => frame.push(byte),
            _ if frame.is_empty() => {}
            _ => return Some(Ok(frame)),
        }
        if frame.len() > most {
            return too_long(limit, None, After::End(end)).map(Err);
        }
    }
}

fn judged(frame: Vec<u8>, limit: usize) -> Option<Next> {
    match frame.len() > limit {
        true => too_long(limit, Some(frame.len() as u128), After::Size(0)),
        false => Some(Next::Frame(frame)),
    }
}

fn slip(file: &mut File<'_>, limit: usize) -> Option<Next> {
    let written = match before(file, 0xC0, limit, 2 * limit)? {
        Ok(written) => written,
        Err(bad) => return Some(bad),
    };
    let mut frame = Vec::new();
    let mut bytes = written.into_iter();
    while let Some(byte) = bytes.next() {
        frame.push(match byte {
            0xDB => match bytes.next() {
                Some(0xDC) => 0xC0,
                Some(0xDD) => 0xDB,
                _ => return malformed(After::Size(0)),
            },
            byte => byte,
        });
    }
    judged(frame, limit)
}

fn cobs(file: &mut File<'_>, limit: usize) -> Option<Next> {
    let written = match before(file, 0, limit, limit + limit / 254 + 1)? {
        Ok(written) => written,
        Err(bad) => return Some(bad),
    };
    // As its authors put it: a code of n stands for n - 1 bytes and a zero, 255 for 254 bytes and none. The last zero is
    // not the frame's.
    let mut frame = Vec::new();
    let mut bytes = File(&written);
    let mut zero = false;
    while let Some(code) = bytes.byte() {
        if zero {
            frame.push(0);
        }
        let Some(block) = bytes.take(u128::from(code) - 1) else {
            return malformed(After::Size(0));
        };
        frame.extend_from_slice(block);
        zero = code < 255;
    }
    judged(frame, limit)
}
