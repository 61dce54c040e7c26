//! The file `nflog`.
//!
//! In: its records (`MeshEntry` of Alertmanager's `nflogpb`). Out: entries of the notification log
//! under the same keys; both programs hash alerts alike.

use std::collections::BTreeMap;

use bongsu_lang::protobuf::{Message, ProtobufError};
use bongsu_model::{GroupKey, LabelHash, Timestamp};
use bongsu_notify::{LogEntry, NotificationKey};

use super::Taken;
use super::wire::{Fault, each, timestamp};

/// Reads the entries that have not expired. Fails if the file is damaged; an entry without a key
/// or with text that is not UTF-8 is left aside.
pub fn read_notifications(
    file: &[u8],
    now: Timestamp,
) -> Result<Taken<(NotificationKey, LogEntry)>, ProtobufError> {
    each(file, |message, entries| {
        let (mut entry, mut expires_at) = (None, Timestamp::UNIX_EPOCH);
        for field in message {
            match field? {
                (1, value) => entry = Some(value.message()?),
                (2, value) => expires_at = timestamp(value.message()?)?,
                _ => {}
            }
        }
        if let Some(entry) = entry {
            let (key, entry) = read_entry(entry, expires_at)?;
            if expires_at > now {
                entries.push((key, entry));
            }
        }
        Ok(())
    })
}

fn read_entry(
    message: Message<'_>,
    expires_at: Timestamp,
) -> Result<(NotificationKey, LogEntry), Fault> {
    let (mut group, mut receiver, mut at) = ("", None, Timestamp::UNIX_EPOCH);
    let (mut firing, mut resolved, mut data) = (Vec::new(), Vec::new(), BTreeMap::new());
    for field in message {
        let (number, value) = field?;
        match number {
            1 => group = value.text()?,
            2 => receiver = Some(value.message()?),
            5 => at = timestamp(value.message()?)?,
            6 => value.append_unsigned(&mut firing)?,
            7 => value.append_unsigned(&mut resolved)?,
            8 => {
                let (name, text) = receiver_data(value.message()?)?;
                data.extend(text.map(|text| (name, text)));
            }
            _ => {}
        }
    }
    let (Some(receiver), false) = (receiver, group.is_empty()) else {
        return Err(Fault::Unusable("an entry without group or receiver".to_owned()));
    };
    let hashes = |hashes: Vec<u64>| hashes.into_iter().map(LabelHash).collect();
    let entry =
        LogEntry { firing: hashes(firing), resolved: hashes(resolved), at, expires_at, data };
    Ok((key(group, receiver)?, entry))
}

fn key(group: &str, receiver: Message<'_>) -> Result<NotificationKey, Fault> {
    let (mut name, mut integration, mut index) = ("", "", 0);
    for field in receiver {
        match field? {
            (1, value) => name = value.text()?,
            (2, value) => integration = value.text()?,
            (3, value) => index = value.unsigned()?,
            _ => {}
        }
    }
    let index = usize::try_from(index)
        .map_err(|_| Fault::Unusable("a receiver's index is too large".to_owned()))?;
    Ok(NotificationKey {
        group: GroupKey(group.into()),
        receiver: name.into(),
        integration: integration.into(),
        index,
    })
}

/// One pair of what an integration kept; numbers become text.
fn receiver_data(message: Message<'_>) -> Result<(String, Option<String>), Fault> {
    let (mut name, mut text) = (String::new(), None);
    for field in message {
        match field? {
            (1, value) => value.text()?.clone_into(&mut name),
            (2, value) => {
                for field in value.message()? {
                    match field? {
                        (1, value) => text = Some(value.text()?.to_owned()),
                        (2, value) => text = Some(value.signed()?.to_string()),
                        (3, value) => text = Some(value.double()?.to_string()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok((name, text))
}
