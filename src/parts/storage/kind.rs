//! What kinds of content are taken, told by their name and by their first bytes: neither alone is believed.

/// How many bytes it takes to tell a kind.
pub(super) const TELLTALE_BYTES: usize = 12;

/// Brands of an ISO base media file that holds a HEIC image (ISO/IEC 23008-12).
const HEIC_BRANDS: [&[u8]; 7] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"];

/// A kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Jpeg,
    Png,
    Webp,
    Heic,
    Pdf,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::Webp, Self::Heic, Self::Pdf];

    /// Its MIME type.
    pub(super) fn mime(self) -> &'static str {
        match self {
            Kind::Jpeg => "image/jpeg",
            Kind::Png => "image/png",
            Kind::Webp => "image/webp",
            Kind::Heic => "image/heic",
            Kind::Pdf => "application/pdf",
        }
    }

    /// The kind a `Content-Type` names, its parameters aside.
    pub(super) fn named(content_type: &str) -> Option<Self> {
        let mime = content_type.split(';').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|kind| kind.mime().eq_ignore_ascii_case(mime))
    }

    /// Whether `start`, the first bytes of a file, begin one of this kind.
    pub(super) fn begins(self, start: &[u8]) -> bool {
        match self {
            Kind::Jpeg => start.starts_with(b"\xff\xd8\xff"),
            Kind::Png => start.starts_with(b"\x89PNG\r\n\x1a\n"),
            Kind::Webp => start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WEBP"),
            Kind::Heic => {
                start.get(4..8) == Some(b"ftyp") && start.get(8..12).is_some_and(|brand| HEIC_BRANDS.contains(&brand))
            }
            Kind::Pdf => start.starts_with(b"%PDF-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_told_by_its_name_and_its_first_bytes() {
        assert_eq!(Kind::named("image/PNG; charset=binary"), Some(Kind::Png));
        assert_eq!(Kind::named("image/svg+xml"), None);
        let starts: [(Kind, &[u8]); 5] = [
            (Kind::Jpeg, b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01"),
            (Kind::Png, b"\x89PNG\r\n\x1a\n\0\0\0\x0d"),
            (Kind::Webp, b"RIFF\x24\0\0\0WEBP"),
            (Kind::Heic, b"\0\0\0\x18ftypheic"),
            (Kind::Pdf, b"%PDF-1.7\n%\xe2\xe3"),
        ];
        for (kind, start) in starts {
            for other in Kind::ALL {
                assert_eq!(other.begins(start), other == kind, "{other:?} {kind:?}");
            }
            assert!(!kind.begins(&start[..2]) && !kind.begins(b""), "{kind:?} cut short");
        }
    }
}
