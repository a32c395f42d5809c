internal import NIOSSL

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

    /// For localhost, *.example.test and 127.0.0.1.
    static let localhost = Identity(
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIB1DCCAXugAwIBAgIUa8JtJGCS4/+EjC+xbggv0Sx01AYwCgYIKoZIzj0EAwIw
            IDEeMBwGA1UEAwwVQ29sb255IHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyNTE5Mzcx
            MVoYDzIxMjYxMTAxMTkzNzExWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcq
            hkjOPQIBBggqhkjOPQMBBwNCAAT2+tBvgFDS5JS+mxBEeiHj3REHYs2LhLrZvO0A
            yc96ir7yHpRClwScO+OLjC1WqZa6Yebb3W99l0H+KiD/S1dAo4GcMIGZMCoGA1Ud
            EQQjMCGCCWxvY2FsaG9zdIIOKi5leGFtcGxlLnRlc3SHBH8AAAEwCQYDVR0TBAIw
            ADATBgNVHSUEDDAKBggrBgEFBQcDATALBgNVHQ8EBAMCB4AwHQYDVR0OBBYEFN4g
            VzJ+XtqupxQl2kpb9hOFsjevMB8GA1UdIwQYMBaAFMHIuwV3MUMsEHDjYoJsh3uF
            uoRqMAoGCCqGSM49BAMCA0cAMEQCIEUgRKtEfL4GCFVQApHgnLrcXSny0/u39UxH
            VvchM5q5AiAH1Q8DSEhS20cJcY6YDsWAcdu3wMFdUi5aBDYsiwQp3w==
            -----END CERTIFICATE-----
            """,
        key: """
            -----BEGIN EC PRIVATE KEY-----
            MHcCAQEEIPGyjoAtwDYmL0UJM3naQaozws3TIZbe7kO0quUVkD8RoAoGCCqGSM49
            AwEHoUQDQgAE9vrQb4BQ0uSUvpsQRHoh490RB2LNi4S62bztAMnPeoq+8h6UQpcE
            nDvji4wtVqmWumHm291vfZdB/iog/0tXQA==
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
