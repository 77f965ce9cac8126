//! Safe wrapper around the two functions of zlib that the archive needs.

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void, CStr};
use std::marker::PhantomData;
use std::{fmt, mem, ptr};

const Z_OK: c_int = 0;
const Z_STREAM_END: c_int = 1;
const Z_BUF_ERROR: c_int = -5;
const Z_NO_FLUSH: c_int = 0;

#[repr(C)]
struct ZStream {
    next_in: *const u8,
    avail_in: c_uint,
    total_in: c_ulong,
    next_out: *mut u8,
    avail_out: c_uint,
    total_out: c_ulong,
    msg: *const c_char,
    state: *mut c_void,
    zalloc: Option<unsafe extern "C" fn(*mut c_void, c_uint, c_uint) -> *mut c_void>,
    zfree: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
    opaque: *mut c_void,
    data_type: c_int,
    adler: c_ulong,
    reserved: c_ulong,
}

#[link(name = "z")]
extern "C" {
    fn zlibVersion() -> *const c_char;
    fn inflateInit_(stream: *mut ZStream, version: *const c_char, size: c_int) -> c_int;
    fn inflate(stream: *mut ZStream, flush: c_int) -> c_int;
    fn inflateEnd(stream: *mut ZStream) -> c_int;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InflateError {
    code: c_int,
    message: String,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "zlib: {} (code {})", self.message, self.code)
    }
}

impl std::error::Error for InflateError {}

/// Owns a zlib stream. It must not move once zlib knows its address, hence the box.
struct Inflater<'a> {
    stream: Box<ZStream>,
    input: PhantomData<&'a [u8]>,
}

impl<'a> Inflater<'a> {
    fn new(input: &'a [u8]) -> Result<Self, InflateError> {
        // SAFETY: all-zero is what zlib documents as "use the default allocator".
        let mut stream: Box<ZStream> = Box::new(unsafe { mem::zeroed() });
        stream.next_in = input.as_ptr();
        stream.avail_in = c_uint::try_from(input.len()).expect("input is below 4 GiB");
        // SAFETY: the stream is initialised, and lives until `inflateEnd` in drop.
        let code = unsafe { inflateInit_(&mut *stream, zlibVersion(), mem::size_of::<ZStream>() as c_int) };
        let inflater = Inflater { stream, input: PhantomData };
        if code == Z_OK { Ok(inflater) } else { Err(inflater.error(code)) }
    }

    fn error(&self, code: c_int) -> InflateError {
        let message = if self.stream.msg == ptr::null() {
            String::from("no message")
        } else {
            // SAFETY: zlib's messages are static strings.
            unsafe { CStr::from_ptr(self.stream.msg) }.to_string_lossy().into_owned()
        };
        InflateError { code, message }
    }
}

impl Drop for Inflater<'_> {
    fn drop(&mut self) {
        // SAFETY: harmless even if inflateInit_ failed, since the state is null then.
        unsafe { inflateEnd(&mut *self.stream) };
    }
}

/// Unpacks a zlib stream, refusing more than `limit` bytes so that a bomb does no harm.
pub fn inflate_all(input: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    let mut inflater = Inflater::new(input)?;
    let mut out: Vec<u8> = Vec::with_capacity((input.len() * 4).clamp(64, limit.max(64)));
    loop {
        if out.len() == out.capacity() {
            out.reserve(out.capacity());
        }
        let room = out.capacity() - out.len();
        inflater.stream.next_out = out.spare_capacity_mut().as_mut_ptr().cast();
        inflater.stream.avail_out = room as c_uint;
        // SAFETY: next_out points to `room` writable bytes.
        let code = unsafe { inflate(&mut *inflater.stream, Z_NO_FLUSH) };
        let written = room - inflater.stream.avail_out as usize;
        // SAFETY: zlib has just written these bytes.
        unsafe { out.set_len(out.len() + written) };
        match code {
            Z_STREAM_END => return Ok(out),
            Z_OK if out.len() <= limit => continue,
            Z_OK => return Err(InflateError { code: Z_BUF_ERROR, message: format!("more than {limit} bytes") }),
            other => return Err(inflater.error(other)),
        }
    }
}
