//! File names relative to the configuration file.
//!
//! Alertmanager joins some of them and leaves others relative to the working directory; which is
//! which is part of its behaviour.

use std::path::Path;

use super::http::{HttpConfig, TlsConfig};

/// Joins a relative name with the directory and tidies it (`./x`, `a/../x`); absolute and empty
/// names stay.
pub(super) fn join(base: &Path, name: &mut String) {
    if name.is_empty() || Path::new(&**name).is_absolute() {
        return;
    }
    let mut parts: Vec<&str> = Vec::new();
    let base = base.to_string_lossy();
    let joined = format!("{base}/{name}");
    let rooted = base.starts_with('/');
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let tidy = parts.join("/");
    *name = match (rooted, tidy.is_empty()) {
        (true, _) => format!("/{tidy}"),
        (false, true) => ".".to_owned(),
        (false, false) => tidy,
    };
}

/// All three files of a TLS block.
pub(super) fn join_tls(base: &Path, tls: &mut TlsConfig) {
    for name in [&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file] {
        join(base, name);
    }
}

/// Every file of an HTTP block.
pub(super) fn join_http(base: &Path, http: &mut HttpConfig) {
    join_tls(base, &mut http.tls_config);
    if let Some(basic) = &mut http.basic_auth {
        join(base, &mut basic.username_file);
        join(base, &mut basic.password_file);
    }
    if let Some(authorization) = &mut http.authorization {
        join(base, &mut authorization.credentials_file);
    }
    if let Some(oauth2) = &mut http.oauth2 {
        join(base, &mut oauth2.client_secret_file);
        join(base, &mut oauth2.client_certificate_key_file);
        join_tls(base, &mut oauth2.tls_config);
    }
    for header in http.http_headers.iter_mut().flat_map(|headers| headers.0.values_mut()) {
        header.files.iter_mut().for_each(|file| join(base, file));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_like_go() {
        for (base, name, expected) in [
            ("/etc/am", "t/*.tmpl", "/etc/am/t/*.tmpl"),
            ("/etc/am", "/x", "/x"),
            ("/etc/am", "", ""),
            ("/etc/am", "../x", "/etc/x"),
            ("/", "../x", "/x"),
            (".", "x", "x"),
            ("conf", "./x", "conf/x"),
            ("conf", "../../x", "../x"),
        ] {
            let mut name = name.to_owned();
            join(Path::new(base), &mut name);
            assert_eq!(name, expected);
        }
    }
}
