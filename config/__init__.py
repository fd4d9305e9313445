"""Settings: `portico.yaml`, secrets, packaged gate packs and status-rule presets."""
