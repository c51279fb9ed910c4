#!/usr/bin/env bash
# Called by scripts/try-real, in namespaces of its own: ZoneMinder on a copy of this system, then the tests.
#   zoneminder.sh FOLDER [arguments of pytest]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=$1
shift
root=$folder/system

mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/changes,workdir=$folder/work" "$root"
mount --rbind /dev "$root/dev"
mount -t tmpfs shared-memory "$root/dev/shm"
mount -t proc proc "$root/proc"
mount -t tmpfs run "$root/run"

inside() { chroot "$root" "$@"; }

inside bash -s <<'INSIDE' >&2
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
if [[ ! -e /usr/bin/zmu || ! -e /usr/sbin/apache2 ]]; then
  echo 'try-real: installing ZoneMinder; this takes minutes'
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends \
    zoneminder mariadb-server apache2 libapache2-mod-php tzdata >/dev/null 2>&1
fi
# All of it, cameras and database and pages, has to be in one time zone.
ln -sf /usr/share/zoneinfo/Europe/Berlin /etc/localtime
mkdir -p /run/mysqld /run/zm /run/apache2 /run/lock /tmp/zm
rm -rf /var/lib/zoneminder-database
mkdir /var/lib/zoneminder-database
chown mysql /run/mysqld /var/lib/zoneminder-database
chown www-data /run/zm /tmp/zm /var/log/zm
chgrp www-data /etc/zm/zm.conf
data=(--no-defaults --user=mysql --datadir=/var/lib/zoneminder-database)
mariadb-install-db "${data[@]}" --auth-root-authentication-method=socket >/dev/null
mariadbd "${data[@]}" --socket=/run/mysqld/mysqld.sock --skip-networking --innodb-buffer-pool-size=64M \
  >/var/log/zm/database.log 2>&1 &
for _ in {1..60}; do mariadb -e 'SELECT 1' >/dev/null 2>&1 && break; sleep 0.5; done
mariadb </usr/share/zoneminder/db/zm_create.sql
mariadb zm <<'SQL'
CREATE USER zmuser@localhost IDENTIFIED BY 'zmpass';
GRANT ALL ON zm.* TO zmuser@localhost;
UPDATE Config SET Value = '1' WHERE Name IN ('ZM_OPT_USE_AUTH', 'ZM_OPT_USE_API');
UPDATE Config SET Value = 'a secret of this try' WHERE Name = 'ZM_AUTH_HASH_SECRET';
UPDATE Config SET Value = '0' WHERE Name = 'ZM_AUTH_HASH_IPS';
UPDATE Config SET Value = 'Europe/Berlin' WHERE Name = 'ZM_TIMEZONE';
UPDATE Users SET APIEnabled = 1;
SQL
for folder in api api/app api/app/webroot; do
  printf '<Directory /usr/share/zoneminder/www/%s>\nRewriteEngine on\nRewriteBase /zm/api\n' "$folder"
  case "$folder" in
    api) printf 'RewriteRule ^$ app/webroot/ [L]\nRewriteRule (.*) app/webroot/$1 [L]\n' ;;
    api/app) printf 'RewriteRule ^$ webroot/ [L]\nRewriteRule (.*) webroot/$1 [L]\n' ;;
    *) printf 'RewriteCond %%{REQUEST_FILENAME} !-d\nRewriteCond %%{REQUEST_FILENAME} !-f\nRewriteRule ^ index.php [L]\n' ;;
  esac
  printf '</Directory>\n'
done >/etc/apache2/conf-available/zoneminder-api.conf
echo 'ServerName localhost' >>/etc/apache2/conf-available/zoneminder-api.conf
echo 'Listen 127.0.0.1:18180' >/etc/apache2/ports.conf
sed -i 's/<VirtualHost .*>/<VirtualHost *:18180>/' /etc/apache2/sites-available/000-default.conf
a2enmod -q rewrite >/dev/null
a2enconf -q zoneminder zoneminder-api >/dev/null
apachectl start
INSIDE

# A camera that shows another picture each time.
.venv/bin/python tests/real/camera.py 18181 &
inside bash -s <<'INSIDE' >&2
set -euo pipefail
api=http://127.0.0.1:18180/zm/api
token=$(curl -sf -d user=admin -d pass=admin "$api/host/login.json" | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
common=(-d 'Monitor[Width]=320' -d 'Monitor[Height]=240' -d 'Monitor[Colours]=4')
curl -sf -o /dev/null "$api/monitors.json?token=$token" "${common[@]}" -d 'Monitor[Name]=Yard' -d 'Monitor[Type]=Remote' \
  -d 'Monitor[Protocol]=http' -d 'Monitor[Method]=simple' -d 'Monitor[Host]=127.0.0.1' -d 'Monitor[Port]=18181' \
  -d 'Monitor[Path]=/camera.jpg' -d 'Monitor[Function]=Modect' -d 'Monitor[MaxFPS]=5' -d 'Monitor[AlarmMaxFPS]=5'
curl -sf -o /dev/null "$api/monitors.json?token=$token" "${common[@]}" -d 'Monitor[Name]=Gate' -d 'Monitor[Type]=Ffmpeg' \
  -d 'Monitor[Path]=rtsp://127.0.0.1/' -d 'Monitor[Function]=None'
runuser -u www-data -- zmpkg.pl start
for _ in {1..120}; do
  curl -sf "$api/monitors/1.json?token=$token" | grep -q '"Status":"Connected"' && exit 0
  sleep 0.5
done
echo 'try-real: the camera is not captured'; tail -n 20 /var/log/zm/*.log
exit 1
INSIDE
GATEWAY_TEST_ZONEMINDER=http://127.0.0.1:18180/zm/api .venv/bin/pytest tests/real/test_zoneminder.py "$@"
