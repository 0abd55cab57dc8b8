#!/bin/bash
# Computes the check vectors of docs/protocol.md with nothing but the openssl program (3.0), from the document alone: none
# of the project's code is used. openssl enc knows no GCM, so this builds it as NIST SP 800-38D says: AES in counter mode,
# and GHASH, a multiplication in GF(2^128), written out below, as is the one in GF(2^8) of the parity.
#
#   tests/support/vectors.sh > tests/unit/link/vectors.txt
set -eu

hex() { od -An -v -tx1 | tr -d ' \n'; }
# shellcheck disable=SC2001  # no bash substitution does this
raw() { printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"; }
text() { printf '%s' "$1" | hex; }
u8() { printf '%02x' "$@"; }
u16() { printf '%04x' "$@"; }
u32() { printf '%08x' "$@"; }
u64() { printf '%016x' "$@"; }
show() { printf '%s = %s\n' "$1" "$2"; }

# HKDF-Extract(salt, key) and HKDF-Expand(prk, info, bytes); all in hexadecimal but bytes
extract() {
    openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt mode:EXTRACT_ONLY -kdfopt "hexsalt:$1" -kdfopt "hexkey:$2" -binary HKDF | hex
}
expand() {
    openssl kdf -keylen "$3" -kdfopt digest:SHA256 -kdfopt mode:EXPAND_ONLY -kdfopt "hexkey:$1" -kdfopt "hexinfo:$2" -binary HKDF | hex
}

# AES-256 of one block; and in counter mode from a first counter block on
aes_block() { raw "$2" | openssl enc -aes-256-ecb -nopad -K "$1" | hex; }
aes_counter() { raw "$3" | openssl enc -aes-256-ctr -K "$1" -iv "$2" | hex; }

# pads to whole blocks of 16 bytes
blocks() {
    local padded=$1
    while ((${#padded} % 32)); do padded=${padded}00; done
    printf '%s' "$padded"
}

# GHASH(key H, whole blocks): the words hi and lo hold a block's bits, the first one on top
ghash() {
    local h=$1 data=$2 i bit carry
    local -i y_hi=0 y_lo=0 v_hi v_lo z_hi z_lo
    for ((i = 0; i < ${#data}; i += 32)); do
        ((y_hi ^= 0x${data:i:16}, y_lo ^= 0x${data:i+16:16}, v_hi = 0x${h:0:16}, v_lo = 0x${h:16:16}, z_hi = z_lo = 0)) || true
        for ((bit = 0; bit < 128; bit++)); do
            if (((bit < 64 ? y_hi >> (63 - bit) : y_lo >> (127 - bit)) & 1)); then
                ((z_hi ^= v_hi, z_lo ^= v_lo)) || true
            fi
            carry=$((v_lo & 1))
            ((v_lo = (v_lo >> 1 & 0x7fffffffffffffff) | (v_hi & 1) << 63, v_hi = v_hi >> 1 & 0x7fffffffffffffff)) || true
            if ((carry)); then ((v_hi ^= 0xe1 << 56)) || true; fi
        done
        ((y_hi = z_hi, y_lo = z_lo)) || true
    done
    printf '%016x%016x' "$y_hi" "$y_lo"
}

# times(A, B) in GF(2^8) with the polynomial 0x11d, and inverse(A): in result
times() {
    local a=$1 b=$2
    for ((result = 0; b; b >>= 1, a = a & 128 ? (a << 1) ^ 0x11d : a << 1)); do
        if ((b & 1)); then ((result ^= a)) || true; fi
    done
}
inverse() {
    local b
    for ((b = 1; b < 256; b++)); do
        times "$1" $b
        ((result != 1)) || break
    done
    result=$b
}

# parity(I, data symbol...): parity symbol I of a block of these, all in hexadecimal
parity() {
    local i=$1 at j sum coefficients=() k=$(($# - 1))
    shift
    for ((j = 0; j < k; j++)); do
        inverse $(((k + i) ^ j))
        coefficients+=("$result")
    done
    for ((at = 0; at < ${#1}; at += 2)); do
        sum=0 j=0
        for symbol; do
            times "${coefficients[j++]}" $((0x${symbol:at:2}))
            ((sum ^= result)) || true
        done
        u8 $sum
    done
}

# seal(packet key, header, message): the whole datagram
seal() {
    local key=$1 header=$2 message=$3 nonce ciphertext tag mask
    nonce=00000000${header:48:16} # four zero bytes and the counter
    ciphertext=$(aes_counter "$key" "${nonce}00000002" "$message")
    tag=$(ghash "$(aes_block "$key" 00000000000000000000000000000000)" \
        "$(blocks "$header")$(blocks "$ciphertext")$(u64 $((${#header} * 4)) $((${#ciphertext} * 4)))")
    mask=$(aes_block "$key" "${nonce}00000001")
    printf '%s%s%016x%016x' "$header" "$ciphertext" $((0x${tag:0:16} ^ 0x${mask:0:16})) $((0x${tag:16} ^ 0x${mask:16}))
}

key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
session=$(u64 1767268800000000)0123456789abcdef # 2026-01-01T12:00:00Z, and a salt

prk=$(extract "$(text 'softdatadiode v1')" $key)
show key $key
show key_base64 "$(raw $key | base64)"
show prk "$prk"
show session "$session"
for stream_id in '' lobby; do
    name=${stream_id:-empty}
    declare "${name}_key_id=$(expand "$prk" "$(text 'key id')$(text "$stream_id")" 4)"
    declare "${name}_packet_key=$(expand "$prk" "$(text datagram)$session$(text "$stream_id")" 32)"
done
# shellcheck disable=SC2154  # set by declare
show empty_key_id "$empty_key_id"
# shellcheck disable=SC2154
show empty_packet_key "$empty_packet_key"
# shellcheck disable=SC2154
show lobby_key_id "$lobby_key_id"
# shellcheck disable=SC2154
show lobby_packet_key "$lobby_packet_key"

# the second of three data symbols, of 15 bytes each, of a frame of 45 bytes; counter 5, no stream_id
fragment=$(u8 1 1 3 0)$(u16 0 1)$(u64 1767268800123 1767268800123456)$(u32 45)$(u16 15 0)101112131415161718191a1b1c1d1e
show fragment_message "$fragment"
show fragment_datagram "$(seal "$empty_packet_key" "01000000$empty_key_id$session$(u64 5)" "$fragment")"

# the second of two parity symbols of the same frame, sent with a loss to survive; counter 7
symbols=(0102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e 1f202122232425262728292a2b2c2d)
parity=$(u8 1 4 3 2)$(u16 0 1)$(u64 1767268800123 1767268800123456)$(u32 45)$(u16 15 0)$(parity 1 "${symbols[@]}")
show parity_message "$parity"
show parity_datagram "$(seal "$empty_packet_key" "01000000$empty_key_id$session$(u64 7)" "$parity")"

# a camera that refuses the password; counter 6, stream_id "lobby"; the sender's machine was started an hour before the session,
# and its JPEG quality is 60
boot_id=0b8ba47a-5d46-4c7c-a0d7-9ea0c1b84c5f
boot_tag=$(printf '%s' $boot_id | openssl dgst -sha256 -binary | hex)
boot_tag=${boot_tag:0:8}
show boot_id $boot_id
show boot_tag "$boot_tag"
status=$(u8 2 3)$(u16 2)$(u32 100)$(u64 1767268800123 1767268800123456)$(u32 4321 1000)$(u16 1280 720)$(u32 7)$(u64 42 1767268801500000)
status=$status$(u64 1767265200000000)$(u8 60 0 0 0)$boot_tag
show status_message "$status"
show status_datagram "$(seal "$lobby_packet_key" "01000000$lobby_key_id$session$(u64 6)" "$status")"
