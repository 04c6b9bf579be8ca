"""The provider's secrets at rest; `dpkit.keystore.store.Keystore` is the way in."""
