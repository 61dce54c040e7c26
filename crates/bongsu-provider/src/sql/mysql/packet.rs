//! Packets of MySQL's protocol: three bytes of length, one that counts, then fields.

use crate::error::{TransportError, TransportErrorKind};
use crate::wire::Wire;

/// A packet of this length is continued in the next one.
const CONTINUED: usize = 0xff_ff_ff;

/// A connection past its greeting.
pub(super) struct Session {
    pub(super) wire: Wire,
    /// The number of the next packet of the current command.
    pub(super) sequence: u8,
}

impl Session {
    /// Starts a command.
    pub(super) async fn command(&mut self, kind: u8, body: &[u8]) -> Result<(), TransportError> {
        self.sequence = 0;
        let mut payload = vec![kind];
        payload.extend_from_slice(body);
        self.send(&payload).await
    }

    pub(super) async fn send(&mut self, payload: &[u8]) -> Result<(), TransportError> {
        if payload.len() >= CONTINUED {
            let text = "the statement is too large";
            return Err(TransportError::new(TransportErrorKind::Request, text));
        }
        let length = u32::try_from(payload.len()).unwrap_or_default().to_le_bytes();
        let mut bytes = vec![length[0], length[1], length[2], self.sequence];
        bytes.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.wire.write(&bytes).await
    }

    /// The next packet; one that reports an error is an error.
    pub(super) async fn receive(&mut self) -> Result<Vec<u8>, TransportError> {
        let mut payload = Vec::new();
        loop {
            let [a, b, c, number] = self.wire.array::<4>().await?;
            let length = u32::from_le_bytes([a, b, c, 0]) as usize;
            self.sequence = number.wrapping_add(1);
            payload.extend(self.wire.read(length).await?);
            if length < CONTINUED {
                break;
            }
        }
        match payload.split_first() {
            Some((0xff, rest)) => Err(self.refusal(rest)),
            _ => Ok(payload),
        }
    }

    /// Number, `#` and five letters of state, then text.
    fn refusal(&self, body: &[u8]) -> TransportError {
        let mut fields = Fields(body);
        let number = fields.u16().unwrap_or_default();
        if fields.0.first() == Some(&b'#') {
            fields.take(6);
        }
        let text = format!("{} [{number}]", String::from_utf8_lossy(fields.0));
        match number {
            // Access denied, for a user, a database, without password; unknown plugin; locked.
            1044 | 1045 | 1698 | 1524 | 3118 | 4151 => self.wire.denied(&text),
            _ => self.wire.refused(&text),
        }
    }

    pub(super) fn unreadable(&self) -> TransportError {
        self.wire.broken("a packet is unreadable")
    }
}

/// Whether a packet ends a list. A row cannot begin like this and be as short.
pub(super) fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

/// The fields of a packet, in order; `None` once it is too short.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.array()?))
    }

    /// A number of one, three, four or nine bytes.
    pub(super) fn length(&mut self) -> Option<u64> {
        Some(match self.u8()? {
            small @ 0..=0xfa => u64::from(small),
            0xfc => u64::from(self.u16()?),
            0xfd => {
                let [a, b, c] = self.array()?;
                u64::from(u32::from_le_bytes([a, b, c, 0]))
            }
            0xfe => u64::from_le_bytes(self.array()?),
            _ => return None,
        })
    }

    /// Bytes with their length before them.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.length()?).ok()?;
        self.take(length)
    }

    /// Bytes up to a NUL, or to the end.
    pub(super) fn until_nul(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        let (head, tail) = self.0.split_at(end);
        self.0 = tail.get(1..).unwrap_or_default();
        head
    }
}

/// What is known of a column.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: u8,
    /// Whether the column has bytes, not characters.
    pub(super) binary: bool,
    pub(super) unsigned: bool,
}

impl Column {
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        const BINARY: u16 = 63;
        const UNSIGNED: u16 = 0x20;
        let mut fields = Fields(packet);
        for _ in 0..4 {
            fields.bytes()?; // catalogue, schema, table and its real name
        }
        let name = String::from_utf8_lossy(fields.bytes()?).into_owned();
        fields.bytes()?; // the real name
        fields.length()?;
        let binary = fields.u16()? == BINARY;
        fields.u32()?; // width
        let kind = fields.u8()?;
        let unsigned = fields.u16()? & UNSIGNED != 0;
        Some(Self { name, kind, binary, unsigned })
    }
}
