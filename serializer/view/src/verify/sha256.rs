//! SHA-256 (FIPS 180-4), which code signatures are made of.

/// Words of the state, and what the rounds add: square and cube roots of the first primes, as the standard defines them.
const PRIMES: [u64; 64] = first_primes();

const fn first_primes() -> [u64; 64] {
    let (mut primes, mut count, mut n) = ([0u64; 64], 0, 2u64);
    while count < primes.len() {
        let (mut i, mut is_prime) = (0, true);
        while i < count {
            is_prime &= !n.is_multiple_of(primes[i]);
            i += 1;
        }
        if is_prime {
            primes[count] = n;
            count += 1;
        }
        n += 1;
    }
    primes
}

/// The first 32 bits behind the point of a root of `n`: the largest `r` whose `power`-th power is at most `n` shifted.
const fn root_fraction(n: u64, power: u32) -> u32 {
    let scaled = (n as u128) << (32 * power);
    let (mut root, mut bit) = (0u128, 1u128 << 37);
    while bit != 0 {
        let candidate = root | bit;
        let (mut product, mut i) = (candidate, 1);
        while i < power {
            product *= candidate;
            i += 1;
        }
        if product <= scaled {
            root = candidate;
        }
        bit >>= 1;
    }
    root as u32
}

const ROUNDS: [u32; 64] = {
    let (mut words, mut i) = ([0; 64], 0);
    while i < 64 {
        words[i] = root_fraction(PRIMES[i], 3);
        i += 1;
    }
    words
};

const INITIAL: [u32; 8] = {
    let (mut words, mut i) = ([0; 8], 0);
    while i < 8 {
        words[i] = root_fraction(PRIMES[i], 2);
        i += 1;
    }
    words
};

/// The digest of a message.
pub(super) fn digest(message: &[u8]) -> [u8; 32] {
    let mut state = INITIAL;
    let mut blocks = message.chunks_exact(64);
    for block in &mut blocks {
        compress(&mut state, block);
    }
    let mut tail = blocks.remainder().to_vec();
    tail.push(0x80);
    let length = (tail.len() + 8).next_multiple_of(64);
    tail.resize(length - 8, 0);
    tail.extend((8 * message.len() as u64).to_be_bytes());
    tail.chunks_exact(64).for_each(|block| compress(&mut state, block));
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

fn compress(state: &mut [u32; 8], block: &[u8]) {
    let mut schedule = [0u32; 64];
    for (word, bytes) in schedule.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes(bytes.try_into().expect("four bytes"));
    }
    for i in 16..64 {
        let (a, b) = (schedule[i - 15], schedule[i - 2]);
        let low = a.rotate_right(7) ^ a.rotate_right(18) ^ a >> 3;
        let high = b.rotate_right(17) ^ b.rotate_right(19) ^ b >> 10;
        schedule[i] = schedule[i - 16].wrapping_add(low).wrapping_add(schedule[i - 7]).wrapping_add(high);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (word, constant) in schedule.into_iter().zip(ROUNDS) {
        let sum = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = e & f ^ !e & g;
        let first = h.wrapping_add(sum).wrapping_add(choice).wrapping_add(constant).wrapping_add(word);
        let sum = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = a & b ^ a & c ^ b & c;
        let second = sum.wrapping_add(majority);
        (h, g, f, e) = (g, f, e, d.wrapping_add(first));
        (d, c, b, a) = (c, b, a, first.wrapping_add(second));
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(message: &[u8]) -> String {
        digest(message).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The examples of the standard, and lengths around the end of a block.
    #[test]
    fn digests_are_those_of_the_standard() {
        assert_eq!(hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let long = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(hex(long), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        let expected = [
            (55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
            (63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"),
            (64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
        ];
        for (length, digest) in expected {
            assert_eq!(hex(&vec![b'a'; length]), digest);
        }
    }
}
