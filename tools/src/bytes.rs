//! Questions about all bytes of a text, asked of many at once. What is asked is how far a byte is from what is looked for, zero where it is
//! that: the least of many such bytes is what compilers turn into vector instructions, which they do not with truth values. Knows no
//! meaning of any byte.

/// Bytes that are asked together.
const CHUNK: usize = 16;

/// How far a byte is from one of a range.
pub(crate) const fn beyond(byte: u8, first: u8, last: u8) -> u8 {
    byte.wrapping_sub(first).saturating_sub(last - first)
}

/// Whether a byte is looked for.
pub(crate) fn any(bytes: &[u8], distance: impl Fn(u8) -> u8 + Copy) -> bool {
    bytes.iter().fold(u8::MAX, |least, byte| least.min(distance(*byte))) == 0
}

/// Where, from a place on, the first byte is that is looked for.
pub(crate) fn position(bytes: &[u8], from: usize, distance: impl Fn(u8) -> u8 + Copy) -> Option<usize> {
    let (chunks, rest) = bytes.get(from..)?.as_chunks::<CHUNK>();
    for (passed, chunk) in chunks.iter().enumerate() {
        if let Some(at) = within(*chunk, distance) {
            return Some(from + passed * CHUNK + at);
        }
    }
    let mut last = [0; CHUNK];
    last.get_mut(..rest.len())?.copy_from_slice(rest);
    let at = within(last, distance).filter(|at| *at < rest.len())?;
    Some(from + chunks.len() * CHUNK + at)
}

/// Where in a chunk the first byte is that is looked for: all of its bytes are asked, and then one number of what they say.
#[inline]
fn within(mut chunk: [u8; CHUNK], distance: impl Fn(u8) -> u8) -> Option<usize> {
    for byte in &mut chunk {
        *byte = 1_u8.saturating_sub(distance(*byte));
    }
    let found = u128::from_le_bytes(chunk);
    (found != 0).then(|| found.trailing_zeros() as usize / 8)
}

/// Whether three bytes in a row are looked for.
pub(crate) fn any_three(bytes: &[u8], distance: impl Fn(u8, u8, u8) -> u8 + Copy) -> bool {
    let from = |start: usize| bytes.get(start..).unwrap_or(&[]);
    let triples = from(0).iter().zip(from(1)).zip(from(2));
    triples.fold(u8::MAX, |least, ((one, two), three)| least.min(distance(*one, *two, *three))) == 0
}

/// What [`fnv1a`] begins with.
pub(crate) const FNV_SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a (Fowler, Noll, Vo), 64 bits: the same in every build, which the standard library's hasher does not promise.
pub(crate) fn fnv1a(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |state, byte| (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_byte_is_found_wherever_it_stands() {
        for length in [1, 5, 63, 64, 65, 128, 200] {
            for at in 0..length {
                let mut bytes = vec![b'x'; length];
                bytes[at] = b'!';
                assert_eq!(position(&bytes, at / 2, |byte| byte ^ b'!'), Some(at));
                assert_eq!(position(&bytes, at + 1, |byte| byte ^ b'!'), None);
                assert!(any(&bytes, |byte| byte ^ b'!') && !any(&bytes, |byte| byte ^ b'?'));
                assert!(any_three(&bytes, |one, two, _| (one ^ b'x') | (two ^ b'!')) == (at > 0 && at + 1 < length));
            }
        }
        assert!(!any(b"", |_| 0) && !any_three(b"ab", |_, _, _| 0) && any_three(b"abc", |_, _, _| 0));
    }

    #[test]
    fn a_range_is_as_far_as_its_nearer_end() {
        for byte in 0..=u8::MAX {
            assert_eq!(beyond(byte, b'0', b'9') == 0, byte.is_ascii_digit());
        }
    }
}
