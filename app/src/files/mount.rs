//! One directory under one prefix: its settings, and how a request's file is fetched.
//!
//! Fetching is a pure question to the file system, asked once without waiting and, if that brings
//! no answer, once more where waiting is allowed.
//! Knows nothing of what becomes of the file.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::io::{ReadWriteFlags, preadv2};
use spikard_contract::config::StaticFilesConfig;
use spikard_middleware::file_body::read_stretch;
use spikard_proto_http::media::MediaType;
use spikard_proto_http::{AcceptEncoding, Head, accept, sabotage};

use super::describe::State;
use super::name::Name;
use super::open::{Found, OpenFile, Patience, Resolver, Root};

/// A directory under a prefix.
#[derive(Debug)]
pub struct Mount {
    /// The prefix, without a slash at its end unless it is only that.
    pub prefix: Box<str>,
    /// `Cache-Control` of what is found.
    pub cache_control: Option<Box<str>>,
    /// Whether coded siblings are looked for.
    pub precompressed: bool,
    /// Whether texts are compressed as the server's configuration says.
    pub is_compressed: bool,
    /// Whether what is not found may be answered with the fallback.
    pub has_fallback: bool,
    root: Root,
    is_local: bool,
    depth: usize,
    has_index: bool,
    fallback: Vec<u8>,
    serves_hidden: bool,
}

/// What a request wants of a mount.
#[derive(Debug)]
pub struct Wanted {
    name: Name,
    /// The codings that the client likes at least as well as none, best first.
    codings: Vec<&'static Coding>,
    takes_page: bool,
}

/// A content coding and how the name of a sibling in it ends.
#[derive(Debug, PartialEq, Eq)]
pub struct Coding {
    /// Its name in HTTP.
    pub name: &'static str,
    ending: &'static str,
}

/// What a request gets of a mount.
#[derive(Debug)]
pub enum Fetched {
    /// A file.
    File(Box<FetchedFile>),
    /// The name is that of a folder with an index, and lacks its slash.
    FolderWithoutSlash,
    /// Nothing.
    Nothing,
}

/// A file and all that a reply says of it.
#[derive(Debug)]
pub struct FetchedFile {
    /// The file that is sent, which may be a coded sibling of the one that was asked for.
    pub open: OpenFile,
    /// The name that was asked for, or that of the index or the fallback.
    pub name: Vec<u8>,
    /// The coding of the sibling.
    pub coding: Option<&'static Coding>,
    /// Whether it stands for a file that is not there.
    pub is_fallback: bool,
    /// The state of its content.
    pub state: State,
    /// The whole content, if it is small.
    pub content: Option<Vec<u8>>,
}

/// Why a mount cannot be made: the key of the setting, and what is wrong.
pub type MountFault = (&'static str, String);

impl Mount {
    /// The mount of a configuration that was read.
    ///
    /// # Errors
    /// The directory is none.
    pub fn new(config: &StaticFilesConfig) -> Result<Self, MountFault> {
        let missing = || {
            let directory = &config.directory;
            let fault = format!("'{directory}' is no directory; make it, or name another one");
            ("directory", fault)
        };
        // A relative one is below the directory in which the server was started, for good.
        let path: PathBuf = std::path::absolute(&config.directory).map_err(|_| missing())?;
        if !Path::new(&path).is_dir() {
            return Err(missing());
        }
        let root = Root {
            path,
            follows_links: config.follow_symlinks,
            resolver: Resolver::Kernel,
        };
        let prefix = match config.route_prefix.trim_end_matches('/') {
            "" => "/",
            prefix => prefix,
        };
        Ok(Self {
            depth: prefix
                .split('/')
                .filter(|segment| !segment.is_empty())
                .count(),
            prefix: prefix.into(),
            cache_control: config.cache_control.as_deref().map(Into::into),
            precompressed: config.precompressed,
            is_compressed: config.compression || sabotage::is_off("static/compression"),
            has_fallback: config.fallback_file.is_some(),
            is_local: root.is_local(),
            root,
            has_index: config.index_file,
            fallback: config
                .fallback_file
                .clone()
                .unwrap_or_default()
                .into_bytes(),
            serves_hidden: config.hidden_files,
        })
    }

    /// What a request wants; `None` if its path is no name.
    #[must_use]
    pub fn wanted(&self, head: &Head) -> Option<Wanted> {
        Some(Wanted {
            name: Name::of(head.path(), self.depth, self.serves_hidden)?,
            codings: match self.precompressed {
                true => codings(head),
                false => Vec::new(),
            },
            takes_page: self.has_fallback && accepts_pages(head),
        })
    }

    /// Fetches what is wanted. `None` if that would have to wait.
    ///
    /// # Errors
    /// The kernel's, if it is not about the name.
    pub fn fetch(&self, wanted: &Wanted, patience: Patience) -> io::Result<Option<Fetched>> {
        if patience == Patience::None && !self.is_local {
            return Ok(None);
        }
        let (open, name, is_fallback) = match self.look(&wanted.name, patience)? {
            Look::Unknown => return Ok(None),
            Look::FolderWithoutSlash => return Ok(Some(Fetched::FolderWithoutSlash)),
            Look::File(open, name) => (open, name, false),
            Look::Nothing if !wanted.takes_page => return Ok(Some(Fetched::Nothing)),
            Look::Nothing => match self.root.find(&self.fallback, patience)? {
                Found::Unknown => return Ok(None),
                Found::File(open) => (open, self.fallback.clone(), true),
                Found::Folder | Found::Nothing => return Ok(Some(Fetched::Nothing)),
            },
        };
        let Some((open, coding)) = self.choose(open, &name, &wanted.codings, patience)? else {
            return Ok(None);
        };
        let Some(content) = content(&open, patience)? else {
            return Ok(None);
        };
        Ok(Some(Fetched::File(Box::new(FetchedFile {
            state: State::of(&open, SystemTime::now()),
            open,
            name,
            coding,
            is_fallback,
            content,
        }))))
    }

    /// The file of a name: its own, or a folder's index.
    fn look(&self, name: &Name, patience: Patience) -> io::Result<Look> {
        if !name.is_folder {
            match self.root.find(&name.bytes, patience)? {
                Found::File(open) => return Ok(Look::File(open, name.bytes.clone())),
                Found::Nothing => return Ok(Look::Nothing),
                Found::Unknown => return Ok(Look::Unknown),
                Found::Folder => {}
            }
        }
        if !self.has_index {
            return Ok(Look::Nothing);
        }
        let index = name.child(INDEX);
        Ok(match self.root.find(&index, patience)? {
            Found::File(open) if name.is_folder || sabotage::is_off("static/slash") => {
                Look::File(open, index)
            }
            Found::File(_) => Look::FolderWithoutSlash,
            Found::Folder | Found::Nothing => Look::Nothing,
            Found::Unknown => Look::Unknown,
        })
    }

    /// The sibling in the coding that the client likes best, or the file itself.
    fn choose(
        &self,
        own: OpenFile,
        name: &[u8],
        codings: &[&'static Coding],
        patience: Patience,
    ) -> io::Result<Option<(OpenFile, Option<&'static Coding>)>> {
        for coding in codings {
            let sibling = [name, coding.ending.as_bytes()].concat();
            match self.root.find(&sibling, patience)? {
                // An older one is of another state of the file.
                Found::File(open)
                    if open.modified >= own.modified || sabotage::is_off("static/stale") =>
                {
                    return Ok(Some((open, Some(coding))));
                }
                Found::Unknown => return Ok(None),
                _ => {}
            }
        }
        Ok(Some((own, None)))
    }
}

enum Look {
    File(OpenFile, Vec<u8>),
    FolderWithoutSlash,
    Nothing,
    Unknown,
}

/// The codings in which a client likes a file at least as well as in none, best first; of equals
/// the one that is smaller as a rule.
fn codings(head: &Head) -> Vec<&'static Coding> {
    let accepted = AcceptEncoding::of(head);
    let plain = accepted.weight(b"identity");
    let weighed = CODINGS
        .iter()
        .map(|coding| (accepted.weight(coding.name.as_bytes()), coding));
    let mut liked: Vec<_> = weighed
        .filter(|(weight, _)| *weight > 0 && *weight >= plain)
        .collect();
    // A stable sort: equals stay in their order.
    liked.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    liked.into_iter().map(|(_, coding)| coding).collect()
}

/// Whether a client accepts pages by their full name, as browsers do for what they show, and nobody
/// does for a script or a picture.
fn accepts_pages(head: &Head) -> bool {
    let lines = || head.field_all(b"accept");
    let mut ranges = lines().flat_map(|line| line.split(|byte| *byte == b','));
    let is_named =
        ranges.any(|range| MediaType::parse(range).is_ok_and(|media| media.is("text", "html")));
    is_named && accept::weight(lines(), "text", "html") > 0
}

/// The content, if it is small: then it goes with its head. For HEAD as well, whose fields are
/// those of GET (RFC 9110 §9.3.2), and so those of a body that may be compressed. `None` if it
/// would have to be waited for.
fn content(open: &OpenFile, patience: Patience) -> io::Result<Option<Option<Vec<u8>>>> {
    if open.length > SMALL_BYTES_MAX {
        return Ok(Some(None));
    }
    let mut content = Vec::new();
    if open.length == 0 {
        return Ok(Some(Some(content)));
    }
    if patience == Patience::Any {
        return match read_stretch(&open.file, 0..open.length, &mut content) {
            Ok(()) => Ok(Some(Some(content))),
            // It has become shorter since: the reply will end where the file does.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Some(None)),
            Err(error) => Err(error),
        };
    }
    content.resize(open.length as usize, 0);
    let mut whole = [io::IoSliceMut::new(&mut content)];
    match preadv2(&open.file, &mut whole, 0, ReadWriteFlags::NOWAIT) {
        Ok(length) if length == content.len() => Ok(Some(Some(content))),
        _ => Ok(None),
    }
}

/// The file that answers for its folder.
const INDEX: &str = "index.html";

/// Largest file that is read together with its being opened, in bytes.
const SMALL_BYTES_MAX: u64 = 64 * 1024;

/// The codings in which siblings are looked for.
static CODINGS: [Coding; 2] = [
    Coding {
        name: "br",
        ending: ".br",
    },
    Coding {
        name: "gzip",
        ending: ".gz",
    },
];
