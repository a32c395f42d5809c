/// Certificates of a test authority, made once with openssl: valid for a hundred years, except the expired one. Their keys protect nothing.
enum Certificates {
    struct Identity: Sendable {
        var certificate: String
        var key: String
    }

    /// Signs all others but the self-signed one.
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBqDCCAU2gAwIBAgIUUQC/00EPqU3UpbeI7Ob8chTHsWAwCgYIKoZIzj0EAwIw
        IDEeMBwGA1UEAwwVQ29sb255IHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyNTE5Mzcx
        MVoYDzIxMjYxMTAxMTkzNzExWjAgMR4wHAYDVQQDDBVDb2xvbnkgdGVzdCBhdXRo
        b3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARc/bzLA+JEBUPQT5TTWbpp
        LYVLw07L6gufF0AwxYyCuGkEGt3cPKZnt+NoYxBhfMXUCLlmrDcGD7/CmYf10zgj
        o2MwYTAdBgNVHQ4EFgQUwci7BXcxQywQcONigmyHe4W6hGowHwYDVR0jBBgwFoAU
        wci7BXcxQywQcONigmyHe4W6hGowDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8E
        BAMCAQYwCgYIKoZIzj0EAwIDSQAwRgIhAJJrKMAf6cjd7iWk13q9jtA3WpaU4tv8
        0lWnQa12g8KsAiEAwY4hxlQ301lvjfuKLNCfhCIHbnskWkDzEu/MB1u9iEQ=
        -----END CERTIFICATE-----
        """

    /// For localhost and *.example.test.
    static let localhost = Identity(
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBzjCCAXWgAwIBAgIUa8JtJGCS4/+EjC+xbggv0Sx01AgwCgYIKoZIzj0EAwIw
            IDEeMBwGA1UEAwwVQ29sb255IHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyNTIwMTUy
            OFoYDzIxMjYxMTAxMjAxNTI4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcq
            hkjOPQIBBggqhkjOPQMBBwNCAARC1MgZ0NeGjMNN51KTvO47WbMhQMIIlLE4TUJw
            TqP6L+7b6p/dSxAE4XokMYs504N8KgpIlb3J846qRG9GmmzHo4GWMIGTMCQGA1Ud
            EQQdMBuCCWxvY2FsaG9zdIIOKi5leGFtcGxlLnRlc3QwCQYDVR0TBAIwADATBgNV
            HSUEDDAKBggrBgEFBQcDATALBgNVHQ8EBAMCB4AwHQYDVR0OBBYEFAjcp0nrIGP6
            RIuVNU9vf5GJF/m+MB8GA1UdIwQYMBaAFMHIuwV3MUMsEHDjYoJsh3uFuoRqMAoG
            CCqGSM49BAMCA0cAMEQCIGNNwfSyRQE5/pDV4xdzVSYfq9bFd95R5QqzP3/PMJMy
            AiBBL/7WZdiRyzlcsu3mQCVSxEDuu3a01v+/vCSBLcMzfQ==
            -----END CERTIFICATE-----
            """,
        key: """
            -----BEGIN EC PRIVATE KEY-----
            MHcCAQEEIFv2foGPkBFXDyUJrZP2SAqAQ+G29AaerQznJvKztX5yoAoGCCqGSM49
            AwEHoUQDQgAEQtTIGdDXhozDTedSk7zuO1mzIUDCCJSxOE1CcE6j+i/u2+qf3UsQ
            BOF6JDGLOdODfCoKSJW9yfOOqkRvRppsxw==
            -----END EC PRIVATE KEY-----
            """
    )

    /// For 127.0.0.1.
    static let address = Identity(
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBuDCCAV2gAwIBAgIUa8JtJGCS4/+EjC+xbggv0Sx01AkwCgYIKoZIzj0EAwIw
            IDEeMBwGA1UEAwwVQ29sb255IHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyNTIwMTUy
            OFoYDzIxMjYxMTAxMjAxNTI4WjASMRAwDgYDVQQDDAdhZGRyZXNzMFkwEwYHKoZI
            zj0CAQYIKoZIzj0DAQcDQgAEVKyhkFaYlIQlGMyUkxDNAZ3FRt06ylkg6GzSshkS
            X12MoLKBLWdn5ZOV6jUJ49+loALHJGX3X0O3kBv6uATE56OBgDB+MA8GA1UdEQQI
            MAaHBH8AAAEwCQYDVR0TBAIwADATBgNVHSUEDDAKBggrBgEFBQcDATALBgNVHQ8E
            BAMCB4AwHQYDVR0OBBYEFHCjcLlCe+L+g6BQiA4d03qLKSEsMB8GA1UdIwQYMBaA
            FMHIuwV3MUMsEHDjYoJsh3uFuoRqMAoGCCqGSM49BAMCA0kAMEYCIQCiUab/bpaQ
            slM6YwYB/z3P/YjiRLPpcdqNNZW749cIkQIhAKgnyU+97TmvKI5D42Fo6zvYLWD/
            h/lOIHClVrEeWcR0
            -----END CERTIFICATE-----
            """,
        key: """
            -----BEGIN EC PRIVATE KEY-----
            MHcCAQEEIA8lEjzL28Zk/Z/9bVvEAWaOM0zUcrYeeA1I+fFZ+7aooAoGCCqGSM49
            AwEHoUQDQgAEVKyhkFaYlIQlGMyUkxDNAZ3FRt06ylkg6GzSshkSX12MoLKBLWdn
            5ZOV6jUJ49+loALHJGX3X0O3kBv6uATE5w==
            -----END EC PRIVATE KEY-----
            """
    )

    /// For elsewhere.test only.
    static let otherHost = Identity(
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBxTCCAWqgAwIBAgIUa8JtJGCS4/+EjC+xbggv0Sx01AcwCgYIKoZIzj0EAwIw
            IDEeMBwGA1UEAwwVQ29sb255IHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyNTE5Mzcx
            MVoYDzIxMjYxMTAxMTkzNzExWjAUMRIwEAYDVQQDDAlvdGhlcmhvc3QwWTATBgcq
            hkjOPQIBBggqhkjOPQMBBwNCAARQkWiF3e+RNHKW6wR1NZoXhipyEVWbheoX+ZfF
            VSKVwJvyRr0KCrUn1inOcBLOAw8zdelHY6wd6MHdi50yHAL2o4GLMIGIMBkGA1Ud
            EQQSMBCCDmVsc2V3aGVyZS50ZXN0MAkGA1UdEwQCMAAwEwYDVR0lBAwwCgYIKwYB
            BQUHAwEwCwYDVR0PBAQDAgeAMB0GA1UdDgQWBBS19ru531nSZUu5nfHSBKov2MPj
            OzAfBgNVHSMEGDAWgBTByLsFdzFDLBBw42KCbId7hbqEajAKBggqhkjOPQQDAgNJ
            ADBGAiEAvrU/g782+OYYuuMKSFVp2z5h5Mh9OBDUoIGROp9LNlwCIQDx15bhnJ5p
            wzJoT5sdfOlYcbJ5uTKUeQbihS+SVDF20Q==
            -----END CERTIFICATE-----
            """,
        key: """
            -----BEGIN EC PRIVATE KEY-----
            MHcCAQEEIH/XjxODQ3I07X0Zv4mUOcFJzJMNL5eVSHup7tcTxG6poAoGCCqGSM49
            AwEHoUQDQgAEUJFohd3vkTRylusEdTWaF4YqchFVm4XqF/mXxVUilcCb8ka9Cgq1
            J9YpznASzgMPM3XpR2OsHejB3YudMhwC9g==
            -----END EC PRIVATE KEY-----
            """
    )

    /// For localhost, signed by itself.
    static let selfSigned = Identity(
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBlTCCATugAwIBAgIUS8DNhyMvIg/n0hckAfuLYoDl90wwCgYIKoZIzj0EAwIw
            FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTE5MzcxMVoYDzIxMjYxMTAx
            MTkzNzExWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
            PQMBBwNCAARyGQo6mIIdrvU5/rjapWSJIcE7DkZydwrgRTrab0z7lcLP1ieKYWG6
            PTgZBqRxcmIboE5xZjwPbvnScxKnUfPOo2kwZzAdBgNVHQ4EFgQUERQdWp3U6+SZ
            W7nMh+2v6UfpxukwHwYDVR0jBBgwFoAUERQdWp3U6+SZW7nMh+2v6UfpxukwDwYD
            VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
            SAAwRQIhAO7pekvozeiRWeVU9mcC9gWLzD51mY3jC6Ia23ytpp5pAiA5/jyfg+Tv
            rLure55SBNN6joQ/cM1vce4S4UgZ1OLlUw==
            -----END CERTIFICATE-----
            """,
        key: """
            -----BEGIN EC PRIVATE KEY-----
            MHcCAQEEIL/rzLoldgjsUWx5qbTBG3NLkuZ1Rm/8fsObHAeIp1cCoAoGCCqGSM49
            AwEHoUQDQgAEchkKOpiCHa71Of642qVkiSHBOw5GcncK4EU62m9M+5XCz9YnimFh
            uj04GQakcXJiG6BOcWY8D2750nMSp1Hzzg==
            -----END EC PRIVATE KEY-----
            """
    )

    /// For localhost, expired in February 2020.
    static let expired = Identity(
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBmzCCAUGgAwIBAgIBATAKBggqhkjOPQQDAjAgMR4wHAYDVQQDDBVDb2xvbnkg
            dGVzdCBhdXRob3JpdHkwHhcNMjAwMTAxMDAwMDAwWhcNMjAwMjAxMDAwMDAwWjAU
            MRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQu
            QJz4zWBFeh0Dd7XBlgNqPLrLFWBjnV8+I5RJDLRP6zXqccDR/qG6Ec+aG3pkReV9
            eRXaGrBwyzA7Dm0tKAXKo3gwdjAUBgNVHREEDTALgglsb2NhbGhvc3QwCQYDVR0T
            BAIwADATBgNVHSUEDDAKBggrBgEFBQcDATAdBgNVHQ4EFgQUTtYetYiY0LGXR0to
            oIZdsMs1rIowHwYDVR0jBBgwFoAUwci7BXcxQywQcONigmyHe4W6hGowCgYIKoZI
            zj0EAwIDSAAwRQIgIrHwiZ6hmxyKIfR52uOO56zFmCKR7n0EMpVjCXOI42wCIQDT
            Jas/CmvLvuy98+ynE64FWq5IpU2SdlevkcTQNOySwA==
            -----END CERTIFICATE-----
            """,
        key: """
            -----BEGIN EC PRIVATE KEY-----
            MHcCAQEEIN2jX25sS2lAyjaBV0VCMGm2j8fLB9RZFsg64R6x4xReoAoGCCqGSM49
            AwEHoUQDQgAELkCc+M1gRXodA3e1wZYDajy6yxVgY51fPiOUSQy0T+s16nHA0f6h
            uhHPmht6ZEXlfXkV2hqwcMswOw5tLSgFyg==
            -----END EC PRIVATE KEY-----
            """
    )
}
