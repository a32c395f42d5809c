internal import FaultInjection

/// Certificates for TLS tests, made once per test process by the `openssl` command: EC keys, PEM files.
package struct TestCertificates: Sendable {
    package struct Identity: Sendable {
        package let certificateFile: String
        package let keyFile: String
    }

    /// The authority that signed all but `selfSigned`.
    package let authorityFile: String
    /// For localhost and 127.0.0.1.
    package let server: Identity
    /// Like `server`, but its time ran out in 2020.
    package let expired: Identity
    /// For elsewhere.test only.
    package let wrongHost: Identity
    /// For localhost and 127.0.0.1, signed by itself.
    package let selfSigned: Identity
    /// Names a client, and may only be used as one.
    package let client: Identity

    // Outlives the first test that needs it; every user awaits it through `shared`.
    private static let made = Task { try await make() }

    package static var shared: TestCertificates {
        get async throws { try await made.value }
    }

    private static func make() async throws -> TestCertificates {
        let directory = try OrphanGuard.shared.makeDirectory("certificates")
        let process = try await ChildProcess.spawn("/bin/sh", ["-c", script, "sh", directory])
        guard try await process.waitForExit() == .code(0) else {
            throw TestFailure("openssl did not make the tests' certificates:\n\(process.output.text)")
        }
        func identity(_ name: String) -> Identity {
            Identity(certificateFile: "\(directory)/\(name).crt", keyFile: "\(directory)/\(name).key")
        }
        return TestCertificates(
            authorityFile: directory + "/authority.crt", server: identity("server"), expired: identity("expired"),
            wrongHost: identity("wrong-host"), selfSigned: identity("self-signed"), client: identity("client")
        )
    }

    private static let script = """
        set -e
        cd "$1"
        cat >authority.cnf <<END
        [ca]
        default_ca=tests
        [tests]
        serial=serial.txt
        database=index.txt
        new_certs_dir=.
        certificate=authority.crt
        private_key=authority.key
        default_md=sha256
        policy=names
        unique_subject=no
        [names]
        commonName=supplied
        END
        : >index.txt

        key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }
        self_signed() { # name, common name, extension
            key "$1"
            openssl req -x509 -new -key "$1.key" -out "$1.crt" -subj "/CN=$2" -days 3650 -addext "$3"
        }
        signed() { # name, common name, use, names, end
            key "$1"
            openssl req -new -key "$1.key" -out "$1.csr" -subj "/CN=$2"
            printf 'basicConstraints=critical,CA:FALSE\\nextendedKeyUsage=%s\\nsubjectAltName=%s\\n' "$3" "$4" >"$1.ext"
            openssl ca -batch -notext -config authority.cnf -in "$1.csr" -out "$1.crt" -startdate 20200101000000Z -enddate "$5" \\
                -extfile "$1.ext" -rand_serial
        }

        self_signed authority 'Colony test authority' keyUsage=critical,keyCertSign,cRLSign
        signed server localhost serverAuth DNS:localhost,IP:127.0.0.1 20491231000000Z
        signed expired localhost serverAuth DNS:localhost,IP:127.0.0.1 20200201000000Z
        signed wrong-host elsewhere.test serverAuth DNS:elsewhere.test 20491231000000Z
        signed client client clientAuth DNS:client.test 20491231000000Z
        self_signed self-signed localhost subjectAltName=DNS:localhost,IP:127.0.0.1
        """
}
