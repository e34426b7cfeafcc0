//! The bytes of a file, decompressed where they are gzip, and counted for the progress bar.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::ReadError;
use crate::job::Progress;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How much is asked of the disk at a time.
const DISK_CHUNK: usize = 256 << 10;

/// A file that counts what was read of it.
struct Counted {
    file: File,
    progress: Progress,
    count: u64,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(into)?;
        self.progress.advance(n as u64);
        self.count += n as u64;
        Ok(n)
    }
}

enum Stream {
    Plain(Counted),
    Gzip(Box<MultiGzDecoder<BufReader<Counted>>>),
}

/// An open file.
pub(super) struct Source {
    path: PathBuf,
    stream: Stream,
    /// Bytes on disk.
    pub size: u64,
    /// The gzip data ended early or were damaged; what came before is good.
    pub damaged: bool,
}

impl Source {
    /// Opens `path` at its start. `progress` counts bytes on disk.
    pub fn open(path: &Path, progress: Progress) -> Result<Self, ReadError> {
        let fail = |e| ReadError::io(path, e);
        // Asked first, as opening a folder succeeds on some systems.
        if std::fs::metadata(path).map_err(fail)?.is_dir() {
            return Err(ReadError::Folder { path: path.to_owned() });
        }
        let mut file = File::open(path).map_err(fail)?;
        let size = file.metadata().map_err(fail)?.len();
        let mut magic = Vec::with_capacity(GZIP_MAGIC.len());
        file.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut magic).map_err(fail)?;
        if magic.is_empty() {
            return Err(ReadError::Empty { path: path.to_owned() });
        }
        file.rewind().map_err(fail)?;
        let counted = Counted { file, progress, count: 0 };
        let stream = if magic == GZIP_MAGIC {
            Stream::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(DISK_CHUNK, counted))))
        } else {
            Stream::Plain(counted)
        };
        Ok(Self { path: path.to_owned(), stream, size, damaged: false })
    }

    pub fn is_gzip(&self) -> bool {
        matches!(self.stream, Stream::Gzip(_))
    }

    /// How many bytes on disk went into what was read.
    pub fn consumed(&self) -> u64 {
        match &self.stream {
            Stream::Plain(file) => file.count,
            Stream::Gzip(gzip) => gzip.get_ref().get_ref().count - gzip.get_ref().buffer().len() as u64,
        }
    }

    /// Fills `into` as far as the file goes; fewer bytes than asked for mean its end.
    pub fn fill(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        let mut filled = 0;
        while filled < into.len() && !self.damaged {
            let read = match &mut self.stream {
                Stream::Plain(file) => file.read(&mut into[filled..]),
                Stream::Gzip(gzip) => gzip.read(&mut into[filled..]),
            };
            match read {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if self.is_gzip() && is_damage(&e) => self.damaged = true,
                Err(e) => return Err(ReadError::io(&self.path, e)),
            }
        }
        Ok(filled)
    }
}

/// Whether the decompressor complains, rather than the disk.
fn is_damage(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
    )
}
