//! Questions about all bytes of a text, asked of many at once: compilers turn a whole chunk without an early end into vector
//! instructions. Knows no meaning of any byte.

/// Bytes that are looked at before it is asked whether to go on.
const CHUNK: usize = 64;

/// Whether every byte is as asked.
pub(crate) fn all(bytes: &[u8], asked: impl Fn(u8) -> bool + Copy) -> bool {
    let whole = |chunk: &[u8]| chunk.iter().fold(true, |so_far, byte| so_far & asked(*byte));
    let (chunks, rest) = bytes.as_chunks::<CHUNK>();
    chunks.iter().all(|chunk| whole(chunk)) && whole(rest)
}

/// Where, from a place on, the first byte is that is as asked.
pub(crate) fn position(bytes: &[u8], from: usize, asked: impl Fn(u8) -> bool + Copy) -> Option<usize> {
    let (chunks, rest) = bytes.get(from..)?.as_chunks::<16>();
    let within = |bytes: &[u8]| bytes.iter().position(|byte| asked(*byte));
    let one_has = |chunk: &[u8; 16]| chunk.iter().fold(false, |so_far, byte| so_far | asked(*byte));
    match chunks.iter().position(one_has) {
        Some(passed) => Some(from + passed * 16 + within(chunks.get(passed)?)?),
        None => Some(from + chunks.len() * 16 + within(rest)?),
    }
}

/// Whether a byte is there that is as asked together with the one before it and the one after it. Before the first and after the last
/// one is a blank.
pub(crate) fn any_between(bytes: &[u8], asked: impl Fn(u8, u8, u8) -> bool + Copy) -> bool {
    let (&[first, second, ..], &[.., last_but_one, last]) = (bytes, bytes) else {
        return bytes.first().is_some_and(|only| asked(b' ', *only, b' '));
    };
    let within = |befores: &[u8], middles: &[u8], afters: &[u8]| {
        let triples = befores.iter().zip(middles).zip(afters);
        triples.fold(false, |so_far, ((before, byte), after)| so_far | asked(*before, *byte, *after))
    };
    let from = |start: usize| bytes.get(start..).unwrap_or(&[]).chunks(CHUNK);
    asked(b' ', first, second)
        || asked(last_but_one, last, b' ')
        || from(0).zip(from(1)).zip(from(2)).any(|((befores, middles), afters)| within(befores, middles, afters))
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
                assert_eq!(position(&bytes, at / 2, |byte| byte == b'!'), Some(at));
                assert_eq!(position(&bytes, at + 1, |byte| byte == b'!'), None);
                assert!(!all(&bytes, |byte| byte == b'x') && all(&bytes, |byte| byte < 0x80));
                assert!(any_between(&bytes, |_, byte, _| byte == b'!'));
                assert!(any_between(&bytes, |before, _, _| before == b'!') == (at + 1 < length));
                assert!(any_between(&bytes, |_, _, after| after == b'!') == (at > 0));
            }
        }
        assert!(all(b"", |_| false) && !any_between(b"", |_, _, _| true));
    }
}
