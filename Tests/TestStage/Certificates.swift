package import NIOSSL

/// Two self-signed certificates of localhost and their keys, which guard nothing but these tests.
package enum Certificates {
    package static func first() throws -> (certificate: NIOSSLCertificate, key: NIOSSLPrivateKey) { try pair(one) }
    package static func second() throws -> (certificate: NIOSSLCertificate, key: NIOSSLPrivateKey) { try pair(two) }

    /// The first, certificate and key, as PEM.
    package static var pem: String { one }

    private static func pair(_ text: String) throws -> (certificate: NIOSSLCertificate, key: NIOSSLPrivateKey) {
        (
            try NIOSSLCertificate(bytes: Array(text.utf8), format: .pem),
            try NIOSSLPrivateKey(bytes: Array(text.utf8), format: .pem)
        )
    }

    private static let one = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5gkiigpTdlyp43Y4
        qqmbBOdImcOj5bvxp0Uu0XWf/JuhRANCAAQuEuSUrdC6PE+EP4R0w4VMsrk44WXp
        NxMy9E59SbhHosCDigT5gtQU0+NkHhB7smePIBOz3r6ychUrlV6BxKcO
        -----END PRIVATE KEY-----
        -----BEGIN CERTIFICATE-----
        MIIBZjCCAQugAwIBAgIBATAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhvbmUudGVz
        dDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowEzERMA8GA1UEAwwI
        b25lLnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQuEuSUrdC6PE+EP4R0
        w4VMsrk44WXpNxMy9E59SbhHosCDigT5gtQU0+NkHhB7smePIBOz3r6ychUrlV6B
        xKcOo04wTDAPBgNVHRMBAf8EBTADAQH/MBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcE
        fwAAATAdBgNVHQ4EFgQUm6DP9H4lfzhlgUKWwY34gVRQUpgwCgYIKoZIzj0EAwID
        SQAwRgIhALAEK444CJzIF+MGPnzLj/v0+9dEn1pf6g2fF9VUaXtSAiEAyIJVYPKF
        qGSCpn0kW7Hp8i9U1hMxMxyufJbPRbLJMXQ=
        -----END CERTIFICATE-----

        """

    private static let two = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgtJniInqjbyH/7s+x
        xe3/5UzwG9M+6vzGwjjNJ57m1iGhRANCAATmy5KPvG06CtrF2sXsCzvCOrINb71t
        F04/JlZt74vmup6XZn0oh0rGt2IZWILPKDm39EvzNdqI0TZr1hUntDd2
        -----END PRIVATE KEY-----
        -----BEGIN CERTIFICATE-----
        MIIBZTCCAQugAwIBAgIBAjAKBggqhkjOPQQDAjATMREwDwYDVQQDDAh0d28udGVz
        dDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowEzERMA8GA1UEAwwI
        dHdvLnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATmy5KPvG06CtrF2sXs
        CzvCOrINb71tF04/JlZt74vmup6XZn0oh0rGt2IZWILPKDm39EvzNdqI0TZr1hUn
        tDd2o04wTDAPBgNVHRMBAf8EBTADAQH/MBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcE
        fwAAATAdBgNVHQ4EFgQUrB6IPdBmCSrhL+7GFf9dmsRGWuUwCgYIKoZIzj0EAwID
        SAAwRQIhAJOzgPbevgC9GYYwa+D7wbAgKntx2/Gcn6qY6pEKfA0gAiBCjciaqks1
        kV9mMefgUkl3mwItwpjOIrYe3amVQzh6ZA==
        -----END CERTIFICATE-----

        """
}
