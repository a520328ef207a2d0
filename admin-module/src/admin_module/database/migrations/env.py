from admin_module.database import tables
from artstore_kit import migrations

migrations.run(tables.metadata)
