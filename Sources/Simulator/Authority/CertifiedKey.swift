internal import COpenSSL

/// A key pair and the certificate for it; owns the OpenSSL objects.
///
/// Unchecked: both objects are written in the initialiser only; afterwards OpenSSL reads them, which it documents as safe from several threads.
final class CertifiedKey: @unchecked Sendable {
    private let key: OpaquePointer
    private let certificate: OpaquePointer
    private let subject: String

    /// Makes a key and a certificate, signed by `issuer` or by itself. `from` and `to` are seconds from now.
    init(
        subject: String, issuer: CertifiedKey?, extensions: [(nid: Int32, value: String)], from: Int, to: Int
    ) throws(SimulatorError) {
        self.subject = subject
        key = try Self.makeKey()
        guard let certificate = X509_new() else {
            EVP_PKEY_free(key)
            throw SimulatorError(.certificate, "cannot make a certificate for '\(subject)': out of memory")
        }
        self.certificate = certificate
        try Self.check(X509_set_version(certificate, 2), "set the version")
        var serial: UInt64 = 0
        repeat { serial = UInt64.random(in: 1...UInt64(Int64.max)) } while serial == 0
        try Self.check(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial), "set the serial number")
        guard X509_gmtime_adj(X509_getm_notBefore(certificate), from) != nil,
            X509_gmtime_adj(X509_getm_notAfter(certificate), to) != nil
        else { throw Self.failure("set the validity") }
        try Self.check(
            X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, subject, -1, -1, 0), "set the subject")
        let signer = issuer?.certificate ?? certificate
        try Self.check(X509_set_issuer_name(certificate, X509_get_subject_name(signer)), "set the issuer")
        try Self.check(X509_set_pubkey(certificate, key), "set the public key")
        for (nid, value) in extensions {
            try Self.add(nid, value, to: certificate, issuer: signer)
        }
        try Self.check(X509_sign(certificate, issuer?.key ?? key, EVP_sha256()), "sign the certificate")
    }

    deinit {
        X509_free(certificate)
        EVP_PKEY_free(key)
    }

    func certificatePEM() throws(SimulatorError) -> String {
        try Self.pem("write the certificate of '\(subject)'") { PEM_write_bio_X509($0, self.certificate) }
    }

    func keyPEM() throws(SimulatorError) -> String {
        try Self.pem("write the key of '\(subject)'") { PEM_write_bio_PrivateKey($0, self.key, nil, nil, 0, nil, nil) }
    }

    private static func makeKey() throws(SimulatorError) -> OpaquePointer {
        guard let context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil) else { throw failure("make a key context") }
        defer { EVP_PKEY_CTX_free(context) }
        try check(EVP_PKEY_keygen_init(context), "start making a key")
        try check(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1), "choose the curve P-256")
        var key: OpaquePointer?
        try check(EVP_PKEY_keygen(context, &key), "make a key")
        guard let key else { throw failure("make a key") }
        return key
    }

    private static func add(_ nid: Int32, _ value: String, to certificate: OpaquePointer, issuer: OpaquePointer) throws(SimulatorError) {
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuer, certificate, nil, nil, 0)
        guard let element = X509V3_EXT_conf_nid(nil, &context, nid, value) else { throw failure("make the extension \(value)") }
        defer { X509_EXTENSION_free(element) }
        try check(X509_add_ext(certificate, element, -1), "add the extension \(value)")
    }

    private static func pem(_ what: String, _ write: (OpaquePointer) -> Int32) throws(SimulatorError) -> String {
        guard let memory = BIO_new(BIO_s_mem()) else { throw failure(what) }
        defer { BIO_free(memory) }
        try check(write(memory), what)
        var start: UnsafeMutablePointer<CChar>?
        let count = withUnsafeMutablePointer(to: &start) { BIO_ctrl(memory, BIO_CTRL_INFO, 0, $0) }
        guard let start, count > 0 else { throw failure(what) }
        return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }

    private static func check(_ result: Int32, _ what: String) throws(SimulatorError) {
        guard result > 0 else { throw failure(what) }
    }

    private static func failure(_ what: String) -> SimulatorError {
        var text = [CChar](repeating: 0, count: 256)
        let code = ERR_get_error()
        ERR_error_string_n(code, &text, text.count)
        let reason = code == 0 ? "no reason given" : String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return SimulatorError(.certificate, "OpenSSL cannot \(what): \(reason)")
    }
}
