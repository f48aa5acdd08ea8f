package config

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// certificate makes a certificate for 127.0.0.1 that signs itself.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

// TestKafkaLogin logs in to a broker that asks for a password, with and without encryption, rightly and wrongly.
func TestKafkaLogin(t *testing.T) {
	pair, ca := certificate(t)
	for _, mechanism := range mechanisms[1:] {
		method := map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"}[mechanism]
		for _, encrypted := range []bool{false, true} {
			options := []kfake.Opt{kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser(method, "shop", "geheim")}
			if encrypted {
				options = append(options, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
			}
			cluster, err := kfake.NewCluster(options...)
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			k := Kafka{Brokers: cluster.ListenAddrs(), Prefix: "test", SASL: SASL{Mechanism: mechanism, User: "shop", Password: "geheim"}}
			if encrypted {
				k.TLS = TLS{Enabled: true, CA: ca}
			}
			if err := ping(t, k); err != nil {
				t.Errorf("%s, encrypted %t: %v", mechanism, encrypted, err)
			}
			wrong := k
			wrong.SASL.Password = "falsch"
			if err := ping(t, wrong); err == nil {
				t.Errorf("%s, encrypted %t: a wrong password was taken", mechanism, encrypted)
			}
			if encrypted {
				strangers := k
				strangers.TLS.CA = ""
				if err := ping(t, strangers); err == nil {
					t.Errorf("%s: a certificate of unknown origin was taken", mechanism)
				}
			}
		}
	}
}

func ping(t *testing.T, k Kafka) error {
	t.Helper()
	options, err := k.Options()
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	return client.Ping(ctx)
}
