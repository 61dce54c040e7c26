//! The file in a form, as browsers and Keep's clients upload it.

/// The text of the file: the first part of a form that has one, else the whole body.
pub(crate) fn file<'b>(body: &'b [u8], content_type: &str) -> Result<&'b str, &'static str> {
    let bytes = match boundary(content_type) {
        Some(boundary) => part(body, &boundary).ok_or("there is no file in the form")?,
        None => body,
    };
    std::str::from_utf8(bytes).map_err(|_| "it is no text in UTF-8")
}

/// What stands between the parts, if it is a form of parts.
fn boundary(content_type: &str) -> Option<String> {
    let mut parts = content_type.split(';').map(str::trim);
    parts.next().filter(|kind| kind.eq_ignore_ascii_case("multipart/form-data"))?;
    let value = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then_some(value)
    });
    value.map(|value| format!("--{}", value.trim_matches('"')))
}

/// The content of the first part that is a file or called `file`.
fn part<'b>(body: &'b [u8], boundary: &str) -> Option<&'b [u8]> {
    let mut rest = &body[find(body, boundary.as_bytes())? + boundary.len()..];
    loop {
        let content = rest.strip_prefix(b"\r\n")?;
        let head_end = find(content, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&content[..head_end]).to_ascii_lowercase();
        let content = &content[head_end + 4..];
        let end = find(content, format!("\r\n{boundary}").as_bytes())?;
        if head.contains("filename=") || head.contains("name=\"file\"") {
            return Some(&content[..end]);
        }
        rest = &content[end + 2 + boundary.len()..];
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::file;

    #[test]
    fn files_in_forms_and_bodies_alone() {
        let form = "--xx\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n1\r\n--xx\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"t.yaml\"\r\n\
                    Content-Type: text/yaml\r\n\r\nservices: [a]\r\n\r\n--xx--\r\n";
        for (body, kind, wanted) in [
            (form, "multipart/form-data; boundary=xx", Ok("services: [a]\r\n")),
            (form, "multipart/form-data; boundary=\"xx\"", Ok("services: [a]\r\n")),
            (form, "multipart/form-data; boundary=yy", Err("there is no file in the form")),
            ("--xx\r\n", "multipart/form-data; boundary=xx", Err("there is no file in the form")),
            ("--xx", "multipart/form-data; boundary=xx", Err("there is no file in the form")),
            ("services: []", "application/yaml", Ok("services: []")),
            ("services: []", "", Ok("services: []")),
        ] {
            assert_eq!(file(body.as_bytes(), kind), wanted, "{kind}");
        }
    }
}
