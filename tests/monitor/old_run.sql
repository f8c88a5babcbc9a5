-- A run as it was stored when scores were PSNR and SSIM alone: one frame, one score.
CREATE TABLE frames (
	id INTEGER NOT NULL, frame_id VARCHAR(128) NOT NULL, captured_at DOUBLE, label VARCHAR NOT NULL, edge VARCHAR NOT NULL,
	target VARCHAR NOT NULL, cut VARCHAR NOT NULL, codec VARCHAR NOT NULL, defence VARCHAR NOT NULL, link VARCHAR NOT NULL,
	cloud VARCHAR NOT NULL, tls BOOLEAN NOT NULL, slowdown DOUBLE DEFAULT '0' NOT NULL, concluded_at DOUBLE,
	dropped VARCHAR NOT NULL, prediction VARCHAR NOT NULL, payload_bytes BIGINT NOT NULL, stages JSON NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX ix_frames_frame_id ON frames (frame_id);
CREATE TABLE scores (
	id INTEGER NOT NULL, frame INTEGER NOT NULL, frame_id VARCHAR(128) NOT NULL, target VARCHAR NOT NULL, cut VARCHAR NOT NULL,
	defence VARCHAR NOT NULL, codec VARCHAR NOT NULL, attack VARCHAR(64) NOT NULL, recipe VARCHAR(32) DEFAULT '' NOT NULL,
	rung VARCHAR(32) DEFAULT '' NOT NULL, knowledge VARCHAR NOT NULL, tap VARCHAR NOT NULL, seed BIGINT NOT NULL,
	iteration BIGINT NOT NULL, seconds DOUBLE NOT NULL, final BOOLEAN NOT NULL, at DOUBLE NOT NULL,
	psnr DOUBLE NOT NULL, ssim DOUBLE NOT NULL,
	PRIMARY KEY (id), FOREIGN KEY(frame) REFERENCES frames (id)
);
CREATE INDEX scores_by_frame_and_attack ON scores (frame, attack);
INSERT INTO frames VALUES (
	1, 'edge-0-0', 1000.0, 'tabby', 'edge-0', 'tiny', 'layer2', 'fp16', 'none', 'lte', '127.0.0.1:1', 0, 0, 1001.0, '', 'tabby',
	4096, '{"total": 0.1}'
);
INSERT INTO scores VALUES (
	1, 1, 'edge-0-0', 'tiny', 'layer2', 'none', 'fp16', 'pixels-white', 'strong', '', 'white box', 'cloud', 0, 40, 1.5, 1, 1002.0,
	21.5, 0.625
);
