//! Files for the kernel to move bytes to and from, and the system calls themselves.

use std::fs::File as StdFile;
use std::io::{Error, Read, Result, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;

use selvedge_model::iovec::calls::Call;
use selvedge_model::iovec::{File, FileKind};
use selvedge_model::uio::{Direction, Errno};

/// An open file with something in it.
#[derive(Debug)]
pub struct Opened {
    /// Where bytes are read.
    reader: StdFile,
    /// Where bytes are written, if that is another descriptor.
    writer: Option<StdFile>,
    kind: FileKind,
}

/// The byte at a position of every file that is filled.
pub fn content(position: u64) -> u8 {
    (position.wrapping_mul(7).wrapping_add(3) % 251) as u8
}

impl Opened {
    /// A file of this kind that holds so many bytes. A regular one is on a disk or in memory.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn new(kind: FileKind, in_memory: bool, held: u64) -> Result<Self> {
        let opened = match kind {
            FileKind::Regular if in_memory => {
                // SAFETY: the name ends with a zero.
                let descriptor = unsafe { libc::memfd_create(c"selvedge".as_ptr(), 0) };
                Opened { reader: owned(descriptor)?, writer: None, kind }
            }
            FileKind::Regular => {
                let folder = std::ffi::CString::new(std::env::temp_dir().as_os_str().as_encoded_bytes())?;
                // SAFETY: the name ends with a zero.
                let descriptor = unsafe { libc::open(folder.as_ptr(), libc::O_TMPFILE | libc::O_RDWR, 0o600) };
                Opened { reader: owned(descriptor)?, writer: None, kind }
            }
            FileKind::Pipe | FileKind::Socket => {
                let mut ends = [-1; 2];
                let status = if kind == FileKind::Pipe {
                    // SAFETY: there is room for both ends.
                    unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_NONBLOCK) }
                } else {
                    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
                    // SAFETY: as above.
                    unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) }
                };
                if status != 0 {
                    return Err(Error::last_os_error());
                }
                Opened { reader: owned(ends[0])?, writer: Some(owned(ends[1])?), kind }
            }
            FileKind::Null | FileKind::Zero => {
                let name = if kind == FileKind::Null { "/dev/null" } else { "/dev/zero" };
                Opened { reader: StdFile::options().read(true).write(true).open(name)?, writer: None, kind }
            }
        };
        if !matches!(kind, FileKind::Null | FileKind::Zero) {
            let bytes: Vec<u8> = (0..held).map(content).collect();
            opened.writer().write_all(&bytes)?;
        }
        opened.seek(0)?;
        Ok(opened)
    }

    fn writer(&self) -> &StdFile {
        self.writer.as_ref().unwrap_or(&self.reader)
    }

    /// The descriptor for a direction.
    pub fn descriptor(&self, direction: Direction) -> RawFd {
        match direction {
            Direction::Read => self.reader.as_raw_fd(),
            Direction::Write => self.writer().as_raw_fd(),
        }
    }

    /// Moves the position, where there is one.
    pub fn seek(&self, position: i64) -> Result<()> {
        if !self.kind.is_seekable() {
            return Ok(());
        }
        // SAFETY: the descriptor is open.
        match unsafe { libc::lseek(self.reader.as_raw_fd(), position, libc::SEEK_SET) } {
            -1 => Err(Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// The file as the spec sees it.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn look(&self) -> Result<File> {
        let descriptor = self.reader.as_raw_fd();
        let mut file = File::empty(self.kind);
        match self.kind {
            FileKind::Regular => {
                file.held = self.reader.metadata()?.len();
                // SAFETY: the descriptor is open.
                file.position = unsafe { libc::lseek(descriptor, 0, libc::SEEK_CUR) };
            }
            FileKind::Pipe | FileKind::Socket => {
                let mut waiting: libc::c_int = 0;
                // SAFETY: there is room for the answer.
                if unsafe { libc::ioctl(descriptor, libc::FIONREAD, &raw mut waiting) } != 0 {
                    return Err(Error::last_os_error());
                }
                if self.kind == FileKind::Pipe {
                    // SAFETY: the descriptor is open.
                    let capacity = unsafe { libc::fcntl(descriptor, libc::F_GETPIPE_SZ) } as u64;
                    file.room = (capacity, capacity);
                }
                file.fill(waiting as u64);
            }
            FileKind::Null | FileKind::Zero => {}
        }
        Ok(file)
    }

    /// Loses a byte that waits to be read.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn drop_one(&self) -> Result<()> {
        (&self.reader).read_exact(&mut [0])
    }

    /// Makes another byte of one that a regular file holds.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn flip(&self, position: u64) -> Result<()> {
        let mut byte = [0];
        self.reader.read_exact_at(&mut byte, position)?;
        self.reader.write_all_at(&[!byte[0]], position)
    }

    /// So many bytes of a regular file from a position on.
    ///
    /// # Errors
    ///
    /// What the kernel says, and that they are not all there.
    pub fn at(&self, position: u64, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.reader.read_exact_at(&mut bytes, position)?;
        Ok(bytes)
    }

    /// Everything that is left to be read from a position, or from where bytes wait.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn rest(&self, from: i64) -> Result<Vec<u8>> {
        self.seek(from)?;
        let mut bytes = Vec::new();
        match (&self.reader).read_to_end(&mut bytes) {
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(bytes),
        }
    }
}

fn owned(descriptor: RawFd) -> Result<StdFile> {
    if descriptor < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: the kernel just gave it to us, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }.into())
}

/// The answer to a system call.
fn answer(result: libc::c_long) -> std::result::Result<u64, Errno> {
    match u64::try_from(result) {
        Ok(count) => Ok(count),
        Err(_) => Err(Errno(Error::last_os_error().raw_os_error().unwrap_or(0) as u16)),
    }
}

/// Makes a vectored call, past the C library, which has opinions of its own.
///
/// # Safety
///
/// What the elements in the memory at `vector` name must be memory that the kernel may read, or for a read write: an
/// [`Arena`](super::arena::Arena), or addresses where nothing can ever be.
pub unsafe fn vectored(descriptor: RawFd, call: Call, vector: u64, count: i64) -> std::result::Result<u64, Errno> {
    let is_read = call.direction == Direction::Read;
    let descriptor = libc::c_long::from(descriptor);
    let (vector, high) = (vector as libc::c_long, 0 as libc::c_long);
    let result = match (call.position, call.flags) {
        (Some(position), Some(flags)) => {
            let number = if is_read { libc::SYS_preadv2 } else { libc::SYS_pwritev2 };
            // SAFETY: the caller vouches for the memory; the kernel looks at everything else.
            unsafe { libc::syscall(number, descriptor, vector, count, position, high, flags) }
        }
        (Some(position), None) => {
            let number = if is_read { libc::SYS_preadv } else { libc::SYS_pwritev };
            // SAFETY: as above.
            unsafe { libc::syscall(number, descriptor, vector, count, position, high) }
        }
        _ => {
            let number = if is_read { libc::SYS_readv } else { libc::SYS_writev };
            // SAFETY: as above.
            unsafe { libc::syscall(number, descriptor, vector, count) }
        }
    };
    answer(result)
}

/// One side of a copy between processes: where its vector is, and how many elements it has.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// The address of the first element.
    pub vector: u64,
    /// The count.
    pub count: i64,
}

/// Copies between this process and itself, or fails to find a process.
///
/// # Safety
///
/// As [`vectored`], for both sides.
pub unsafe fn between(
    direction: Direction,
    is_known: bool,
    local: Side,
    remote: Side,
    flags: i64,
) -> std::result::Result<u64, Errno> {
    let number = if direction == Direction::Read { libc::SYS_process_vm_readv } else { libc::SYS_process_vm_writev };
    let process = if is_known { std::process::id() as libc::c_long } else { libc::c_long::from(i32::MAX) };
    let (here, there) = (local.vector as libc::c_long, remote.vector as libc::c_long);
    // SAFETY: the caller vouches for the memory on both sides; the kernel looks at everything else.
    answer(unsafe { libc::syscall(number, process, here, local.count, there, remote.count, flags) })
}
